// Prints `N passed, N failed` of vitest's JSON report. A file that failed outside of its tests counts as one failure.
import { readFileSync } from 'node:fs';

const text = readFileSync(process.argv[2], 'utf8');
const { numPassedTests, numFailedTests, testResults } = text
  ? JSON.parse(text)
  : { numPassedTests: 0, numFailedTests: 1, testResults: [] };
const broken = testResults.filter(
  ({ status, assertionResults }) => status === 'failed' && assertionResults.every(({ status }) => status !== 'failed'),
);
const failed = numFailedTests + broken.length;
console.log(`${numPassedTests} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
