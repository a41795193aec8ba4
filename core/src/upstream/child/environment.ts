/** What any program needs to run as its user would run it; no keys, no settings of the shell. */
const plain = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR'] as const;

/**
 * The environment of a child: what is plain, the variables named in `pass` where they are set here, and `more`. Nothing
 * else is inherited, so no secret of the server's is in reach of what the child runs.
 */
export function childEnvironment(
  pass: readonly string[] = [],
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of [...plain, ...pass]) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return { ...environment, ...more };
}
