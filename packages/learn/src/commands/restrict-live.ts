/** Loaded before `vnet FILE` in a check on live interfaces (node --import). */
import { loadNative } from 'vnet/internal/linux/native'
// It needs Node's inspector, which is refused later.
import 'vnet/internal/cli/lockup'
import { restrictImports } from './restrict-driver.ts'

const [, , file = ''] = process.argv
// Nothing native can be loaded later.
loadNative()
restrictImports(file)
