/** Loaded before `vnet FILE` in a check on live interfaces (node --import). */
import { restrictImports, restrictProcess } from './restrict-driver.ts'

const [, , file = ''] = process.argv
restrictImports(file)
// Imported now, to have the true `process`. Nothing native can be loaded later, and the watchdog
// needs Node's inspector, which is refused then.
const { loadNative } = await import('vnet/internal/linux/native')
loadNative()
await import('vnet/internal/cli/lockup')
restrictProcess()
