/** The packages as npm publishes them, for projects of their own. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** A guard against hanging: npm may compile the addon. */
export const LIMIT_MS = 300_000

/** The folders of the package lab and of its dependencies here. */
export const WITH_LAB = ['.', ...['guest', 'inet', 'lan', 'lab'].map(name => `packages/${name}`)]

/** The environment of a project. npm's own variables would make it act on this repository. */
export function environmentOf(cwd: string): NodeJS.ProcessEnv {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_(?!config_registry)/.test(name)))
  return { ...env, PATH: `${join(cwd, 'node_modules/node/bin')}:${process.env.PATH}`, CI: '1', VNET_REQUIRED: '1' }
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

/** Packs the packages in these folders of the repository. Returns their files as dependencies. */
export function packInto(directory: string, folders: readonly string[]): Record<string, string> {
  const root = resolve(import.meta.dirname, '../..')
  return Object.fromEntries(
    folders.map(folder => {
      const { name } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
      const file = run(join(root, folder), 'npm', 'pack', '--silent', '--pack-destination', directory).trim()
      return [name, `file:${join(directory, file)}`]
    }),
  )
}
