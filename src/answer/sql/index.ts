export type { Facade, FacadeColumn, FacadeTable } from './facade.js';
