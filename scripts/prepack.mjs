/**
 * node scripts/prepack.mjs: what `npm pack` and `npm publish` run first. The package carries the
 * addon ready built in prebuilds/linux-ARCH/, with the launchers, without debug information, so
 * that installing it runs no script and needs no compiler.
 */

import { copyFileSync, mkdirSync, renameSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { isInstalled, run } from './setup/command.mjs'
import { setUp } from './setup/main.mjs'

const root = resolve(import.meta.dirname, '..')

await setUp()
const directory = join(root, 'prebuilds', `linux-${process.arch}`)
mkdirSync(directory, { recursive: true })
for (const name of ['vnet.node', 'vnet-launch', 'vnet-rootless']) {
  const unfinished = join(directory, `.${name}-${process.pid}`)
  copyFileSync(join(root, 'build/Release', name), unfinished)
  if (isInstalled('strip')) await run(`stripping ${name}`, ['strip', '--strip-debug', unfinished])
  renameSync(unfinished, join(directory, name))
}
