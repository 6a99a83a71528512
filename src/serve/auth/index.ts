export { type Authenticator, type AuthenticatorOptions, authenticator } from './authenticator.js';
export { type DemoTokens, demoTokens } from './demo-tokens.js';
export { type Mint, mintToken } from './mint-token.js';
