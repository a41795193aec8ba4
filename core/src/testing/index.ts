/** The conformance kit: the same named rules for every backend, whoever wrote it. It needs no test runner. */
export { conform, type Report, type Runner, testConformance } from './conform.ts';
export { NotApplicable, type Rule, Violation } from './rule.ts';
export { rules } from './rules/index.ts';
export type { Options, Result } from './session.ts';
export type { Subject } from './subject.ts';
export { tone } from './tone.ts';
