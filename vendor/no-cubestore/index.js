// Rollups live in Assay's own store; Cube only compiles the model. These two names are all that Cube's packages import.
exports.isCubeStoreSupported = () => false;
exports.CubeStoreHandler = class CubeStoreHandler {
  constructor() {
    throw new Error('Cube Store is not part of Assay');
  }
};
