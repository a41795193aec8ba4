import { annotated } from '../config/annotated.ts';
import { Source } from '../config/source.ts';
import { findImporters } from '../kernel/importers.ts';

/** An import that cannot be made, in a sentence. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
}

/**
 * config.yaml in place of another server's configuration, as text. Throws an ImportError, or a ConfigError for a file that
 * cannot be read or is no YAML.
 */
export async function importConfig(source: string | undefined, file: string | undefined): Promise<string> {
  const importers = await findImporters(process.cwd());
  const known = importers.map(({ name, package: its }) => `  ${name}   (${its})`).join('\n');
  const can = known === '' ? 'No package that is installed here imports anything.' : `What can be imported:\n${known}`;
  if (source === undefined) throw new ImportError(`backplane import <what> <file>. ${can}`);
  const importer = importers.find(({ name }) => name === source);
  if (!importer) throw new ImportError(`Nothing that is installed here imports ${source}. ${can}`);
  if (file === undefined) {
    throw new ImportError(`Name the file: backplane import ${source} <file>`);
  }
  const foreign = await Source.read(file, undefined);
  const { translate } = await importer.load().catch((thrown: Error) => {
    throw new ImportError(thrown.message.split('\n', 1)[0]);
  });
  const where = (path: readonly PropertyKey[]): string => {
    const { line, column } = foreign.problem(path, '', 'key');
    return `${file}:${line}:${column}`;
  };
  let made: ReturnType<typeof translate>;
  try {
    made = translate({ value: foreign.at([]), where });
  } catch (thrown) {
    throw new ImportError(`${file} cannot be imported: ${thrown instanceof Error ? thrown.message : thrown}`);
  }
  const head = { at: [], text: `Made of ${file} by backplane import ${source}. Check it: backplane check <this file>` };
  return annotated(made.config, [head, ...made.comments]);
}
