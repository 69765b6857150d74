/**
 * node scripts/prepack.mjs: run by `npm pack` and `npm publish`. The package contains the built
 * addon and the launchers in prebuilds/linux-ARCH/, without debug information, so that its
 * installation runs no script and needs no compiler.
 */

import { copyFileSync, mkdirSync, renameSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { isInstalled, run } from './setup/command.mjs'
import { setUp } from './setup/main.mjs'

const root = resolve(import.meta.dirname, '..')

await setUp()
const directory = join(root, 'prebuilds', `linux-${process.arch}`)
mkdirSync(directory, { recursive: true })
for (const name of ['vnet.node', 'vnet-launch', 'vnet-rootless', 'vnet-within', 'vnet-cni']) {
  const unfinished = join(directory, `.${name}-${process.pid}`)
  copyFileSync(join(root, 'build/Release', name), unfinished)
  if (isInstalled('strip')) await run(`stripping ${name}`, ['strip', '--strip-debug', unfinished])
  renameSync(unfinished, join(directory, name))
}
