/** Loaded before `vnet FILE` in a check on live interfaces (node --import). */
import { PRINTED_TOO_MUCH } from './driver-console.ts'
import { restrictImports, restrictProcess } from './restrict-driver.ts'

const [, , file = ''] = process.argv
restrictImports(file)
// Imported now, to have the true `process`. Nothing native can be loaded later, and the watchdog
// needs Node's inspector, which is refused then.
const { loadNative } = await import('vnet/kit/linux')
loadNative()
const { isDebugged } = await import('vnet/kit/cli')
isDebugged()
const self = process
restrictProcess(printer => {
  // live.ts reads this line.
  printer.last(PRINTED_TOO_MUCH.seen)
  self.exit(1)
})
