export {
  CALENDAR_UNITS,
  type Calendar,
  type CalendarBucket,
  type CalendarUnit,
  calendarBucket,
  calendarGranularities,
  WEEKDAYS,
  weeksBefore,
  YEAR_BEGINS,
} from './calendar.js';
export { calendarSql } from './calendar-sql.js';
export * from './duration.js';
export * from './feature-events.js';
export * from './features.js';
export * from './place.js';
export * from './types.js';
