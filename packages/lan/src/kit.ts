/**
 * '@vnet/lan/kit', for the packages of this repository, of the same version: the file of a lan, and
 * router advertisements.
 */
export { toLanConfig } from './config/config.ts'
export { type LanFile, lanSchema } from './config/schema.ts'
export { RaSender } from './services/router-advert.ts'
