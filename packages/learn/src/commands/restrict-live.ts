/** Loaded before `vnet FILE` in a check on live interfaces (node --import). */
import { restrictImports, restrictProcess } from './restrict-driver.ts'

const [, , file = ''] = process.argv
restrictImports(file)
// Imported now: `process` is still the true one, and native code and the inspector are permitted.
const { loadNative } = await import('vnet/internal/linux/native')
loadNative()
await import('vnet/internal/cli/lockup')
restrictProcess()
