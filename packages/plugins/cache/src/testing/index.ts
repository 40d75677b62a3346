export { type CacheStoreCase, cacheStoreCases, type CacheStoreHarness } from './store-cases.ts';
