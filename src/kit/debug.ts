/**
 * 'vnet/kit/debug', for the packages of this repository, of the same version: the checks of
 * `--debug` in a browser. Importing it turns them on.
 */
import '../netdev/debug/debug.ts'

export { addDriverText, functionPlace } from '../netdev/debug/function-place.browser.ts'
