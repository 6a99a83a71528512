import { type Calendar, calendarGranularities, WEEKDAYS, YEAR_BEGINS } from '../catalog/index.js';
import { nearest } from '../policy/index.js';
import type { Faults } from './faults.js';
import { invalid, type Places } from './model-files.js';
import { GRANULARITIES } from './model-keys.js';
import type { MetaOwner } from './parts.js';

const NAME = /^[a-z][a-z0-9_]{0,39}$/;
const STARTS = /^(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])$/;
const PATTERNS: Readonly<Record<string, readonly [number, number, number]>> = {
  '4-4-5': [4, 4, 5],
  '4-5-4': [4, 5, 4],
  '5-4-4': [5, 4, 4],
};

type Given = Readonly<Record<string, unknown>>;
const text = (value: unknown, otherwise: string): string => (value === undefined ? otherwise : String(value));

const calendarOf = (given: Given, place: Calendar['place']): Calendar => {
  const name = String(given['name']);
  const refuse = (what: string) => invalid(place.file, place.line, `calendar ${name}: ${what}`);
  if (!NAME.test(name))
    throw refuse('a name is small letters, digits and underscores, a letter first, at most 40 of them');
  const starts = STARTS.exec(text(given['starts'], '01-01'));
  if (!starts)
    throw refuse(`starts ${JSON.stringify(given['starts'])} is no month and day, such as "02-01"; days go to 28`);
  const pattern = PATTERNS[text(given['pattern'], 'months')];
  const [month, day] = [Number(starts[1]), Number(starts[2])];
  if (!pattern && day !== 1)
    throw refuse('years of months begin with a month: let starts end in -01, or give a pattern of weeks');
  if (!pattern && given['begins'] !== undefined)
    throw refuse('begins is for years of whole weeks: give a pattern such as 4-4-5, or leave it out');
  return Object.freeze({
    name,
    pattern,
    starts: { month, day },
    weekStart: WEEKDAYS.indexOf(text(given['week_start'], 'monday') as (typeof WEEKDAYS)[number]),
    slack: YEAR_BEGINS[text(given['begins'], 'nearest') as keyof typeof YEAR_BEGINS],
    place,
  });
};

/** The calendars that cubes declare in `meta.calendars`. Their keys were checked; what else is wrong is told to `faults`. */
export const readCalendars = (
  owners: readonly MetaOwner[],
  places: Places,
  faults: Faults,
): ReadonlyMap<string, Calendar> => {
  const found = new Map<string, Calendar>();
  for (const owner of owners) {
    const list = owner.meta?.['calendars'];
    for (const given of Array.isArray(list) ? list : [])
      faults.attempt(() => {
        const where = `${owner.name}~${typeof given === 'object' && given !== null ? given.name : ''}`;
        const place = places.of(where);
        if (typeof given !== 'object' || given === null || owner.type !== 'cube')
          throw invalid(
            place.file,
            place.line,
            `${owner.name}: a cube's meta.calendars declares calendars, each with a name; a time dimension's lists their names`,
          );
        const calendar = calendarOf(given as Given, place);
        const first = found.get(calendar.name);
        if (first)
          throw invalid(
            place.file,
            place.line,
            `calendar ${calendar.name} is declared a second time; the first stands at ${first.place.file}:${first.place.line}`,
          );
        found.set(calendar.name, calendar);
      });
  }
  return found;
};

/**
 * The granularities that a dimension has by the calendars that its `meta.calendars` lists. `taken` are those that it has anyhow.
 * Errors: `model-invalid`, for which `refuse` gives the place.
 */
export const granularitiesOf = (
  listed: unknown,
  isTime: boolean,
  taken: readonly string[],
  calendars: ReadonlyMap<string, Calendar>,
  refuse: (what: string) => Error,
): readonly string[] => {
  if (listed === undefined) return [];
  if (!isTime) throw refuse('meta.calendars lists calendars of a time; this is no dimension of type time');
  return (Array.isArray(listed) ? listed : [listed]).flatMap((name) => {
    const calendar = typeof name === 'string' ? calendars.get(name) : undefined;
    if (!calendar) {
      const like = nearest(String(name), [...calendars.keys()]);
      throw refuse(
        `meta.calendars names ${typeof name === 'string' ? name : JSON.stringify(name)}, which no cube declares in its meta.calendars${like ? `; did you mean ${like}?` : ''}`,
      );
    }
    const names = calendarGranularities(calendar);
    const twice = names.find((one) => taken.includes(one) || GRANULARITIES.includes(one));
    if (twice) throw refuse(`calendar ${calendar.name} gives it ${twice}, which it has already: rename one of them`);
    return names;
  });
};
