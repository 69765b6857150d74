/** Loaded before `vnet FILE` in a check on live interfaces (node --import). */
import { loadNative } from '../../linux/native.ts'
// It needs Node's inspector, which is refused later.
import '../../cli/lockup.ts'
import { restrictImports } from './restrict-driver.ts'

const [, , file = ''] = process.argv
// Nothing native can be loaded later.
loadNative()
restrictImports(file)
