export type { SearchBackend } from './backend.js';
export { embeddedBackend } from './embedded-backend.js';
export type { Embedder } from './embedder.js';
export { duckdbEngine } from './engines/duckdb-engine.js';
export { elasticsearchEngine } from './engines/elasticsearch-engine.js';
export { engineBackend } from './engines/engine-backend.js';
export { typesenseEngine } from './engines/typesense-engine.js';
export {
  ABLATIONS,
  askAll,
  GATES,
  type Measured,
  measure,
  missedGates,
  tune,
} from './evaluation/evaluate.js';
export { type EvaluationSet, readEvaluation } from './evaluation/questions.js';
export { httpEmbedder } from './http-embedder.js';
export type { Sees } from './model-documents.js';
export { memberDocument } from './model-documents.js';
export { propose, type QuestionAnswer, type QuestionRequest } from './question/propose.js';
export { readRelatedWords } from './related-words.js';
export {
  openSearch,
  type Search,
  type SearchAnswer,
  type SearchContext,
  type SearchHit,
  type SearchModel,
  type SearchParts,
  type SearchRequest,
} from './search.js';
export { sentenceEncoder } from './sentence-encoder.js';
export { readTokenVectors } from './token-vectors.js';
export { type VectorStore, vectorStore } from './vector-store.js';
