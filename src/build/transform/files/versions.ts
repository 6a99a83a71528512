import { error } from '../../../errors/index.js';
import type { Transform } from './definition.js';

const invalid = (file: string, what: string) => error('transform-invalid', { file, line: 1, what });

/** Days as text are in the order of time. Without a day, nothing is over. */
const over = (sunset: string | undefined, today: string | undefined): boolean =>
  sunset !== undefined && today !== undefined && today > sunset;

/** The older versions of one table that are still served; `newer` are those above, the highest first. */
const keptBelow = (versions: readonly Transform[], today: string | undefined): Transform[] =>
  versions.slice(1).filter((one, i) => {
    const newer = versions.slice(0, i + 1);
    const by = newer.find((each) => each.deprecates === one.version);
    const next = newer.at(-1);
    if (!by)
      throw invalid(
        one.file,
        `version ${next?.version} stands beside it and does not say what becomes of it; write deprecates: ${one.version} (and sunset) in ${next?.file}, or delete this file`,
      );
    return !over(by.sunset, today);
  });

const checkMentioned = (versions: readonly Transform[], today: string | undefined): void => {
  for (const { file, deprecates, sunset, name } of versions)
    if (deprecates !== undefined && !over(sunset, today) && !versions.some((one) => one.version === deprecates))
      throw invalid(
        file,
        `version ${deprecates} of ${name} is to be served${sunset === undefined ? '' : ` until ${sunset}`} and its file is not there; bring it back, or take deprecates away`,
      );
};

/**
 * The versions that are served: the highest of each table with its name as id, and those below that a higher one deprecates, until
 * their sunset is over, as `name_v<N>`. Errors: `transform-invalid` for an older file that nobody mentions.
 */
export const servedVersions = (transforms: readonly Transform[], today?: string): Transform[] => {
  const names = [...new Set(transforms.map(({ name }) => name))];
  const served = names.flatMap((name) => {
    const versions = transforms.filter((one) => one.name === name).sort((a, b) => b.version - a.version);
    checkMentioned(versions, today);
    const [highest] = versions;
    return [
      ...(highest ? [highest] : []),
      ...keptBelow(versions, today).map((one) => ({ ...one, id: `${name}_v${one.version}` })),
    ];
  });
  for (const one of served) {
    const other = served.find(({ id, name }) => id === one.id && name !== one.name);
    if (other && one.id !== one.name)
      throw invalid(other.file, `${other.id} is the name of version ${one.version} of ${one.name}; choose another`);
  }
  return served;
};
