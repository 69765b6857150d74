/** The packages as npm publishes them, for projects of their own. */
import { execFileSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { manifestOf, pack, withDependencies } from '../../scripts/packages.mjs'

const ROOT = resolve(import.meta.dirname, '../..')

/** A guard against hanging: npm may compile the addon. */
export const LIMIT_MS = 300_000

/** The folders of the package lab and of its dependencies here. */
export const WITH_LAB: readonly string[] = withDependencies(['packages/lab'])

/** The environment of a project. npm's own variables would make it act on this repository. */
export function environmentOf(cwd: string): NodeJS.ProcessEnv {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(?!config_registry)/.test(name)),
  )
  return {
    ...env,
    PATH: `${join(cwd, 'node_modules/node/bin')}:${process.env.PATH}`,
    CI: '1',
    VNET_REQUIRED: '1',
  }
}

/** Runs a program to its end, which must succeed, and returns its output. */
export function run(cwd: string, program: string, ...args: string[]): string {
  const env = environmentOf(cwd)
  return execFileSync(program, args, {
    cwd,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
  })
}

/**
 * Packs the packages in these folders of the repository like a release. Returns their files as
 * dependencies.
 */
export function packInto(directory: string, folders: readonly string[]): Record<string, string> {
  run(ROOT, process.execPath, 'scripts/prepack.mjs')
  const files = pack(folders, directory)
  return Object.fromEntries(
    folders.map((folder, i) => [manifestOf(folder).name, `file:${files[i]}`]),
  )
}
