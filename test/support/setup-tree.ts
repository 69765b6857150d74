/**
 * A temporary tree with the real set-up scripts and stand-ins for npm, node-gyp, tsc and
 * rolldown, which record their calls and write the outputs of the real ones. PATH has only
 * stand-ins for the required programs.
 */

import { spawn } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

const repository = resolve(import.meta.dirname, '../..')

const SCRIPTS = ['bash', 'zsh'].map(shell => `src/cli/parse/completion.${shell}`)
const PAGE = ['main.ts', 'style.css'].map(name => `packages/web/src/page/${name}`)
const PACKAGES = ['exec', 'lan', 'guest', 'inet', 'lab', 'web', 'learn'].flatMap(name =>
  ['tsconfig.json', 'tsconfig.build.json', 'src/commands.ts'].map(
    file => `packages/${name}/${file}`,
  ),
)

const record = (name: string) => `
const fs = require('fs')
fs.appendFileSync('calls', '${name} ' + process.argv.slice(2).join(' ') + '\\n')
process.stdout.write('${name} on stdout\\n')
if (fs.existsSync('break-${name}')) { console.error('${name} on stderr'); process.exit(3) }
`

const nodeGyp = `${record('node-gyp')}
fs.mkdirSync('build/Release', { recursive: true })
const ends = { vnet: '.node', 'vnet-clock': '.so' }
for (const target of process.argv.filter(word => /^vnet/.test(word)))
  fs.writeFileSync('build/Release/' + target + (ends[target] ?? ''), '')
`

const tsc = `${record('tsc')}
const [project, to] = ['-p', '--outDir'].map(option => process.argv[process.argv.indexOf(option) + 1])
const from = require('path').dirname(project)
const sources = from === '.' ? 'src' : from.endsWith('/page') ? from : from + '/src'
const directory = from.endsWith('/page') ? '/page' : ''
fs.mkdirSync(to + directory, { recursive: true })
for (const file of fs.readdirSync(sources, { recursive: true })) {
  const path = to + directory + '/' + file
  if (fs.statSync(sources + '/' + file).isDirectory()) fs.mkdirSync(path, { recursive: true })
  else if (file.endsWith('.ts')) fs.writeFileSync(path.replace(/ts$/, 'js'), '')
}
`

const npm = `${record('npm')}
fs.rmSync('node_modules', { recursive: true, force: true })
fs.mkdirSync('node_modules/.bin', { recursive: true })
fs.writeFileSync('node_modules/.bin/node-gyp', ${JSON.stringify(nodeGyp)})
fs.writeFileSync('node_modules/.bin/tsc', ${JSON.stringify(tsc)})
fs.writeFileSync('node_modules/.bin/rolldown', ${JSON.stringify(record('rolldown'))})
for (const [name, program] of [['typescript', 'tsc'], ['rolldown', 'rolldown']]) {
  fs.mkdirSync('node_modules/' + name)
  const bin = { [program]: '../.bin/' + program }
  fs.writeFileSync('node_modules/' + name + '/package.json', JSON.stringify({ bin }))
}
`

export interface Outcome {
  code: number | null
  stdout: string
  stderr: string
}

export class SetupTree {
  readonly root = mkdtempSync(join(tmpdir(), 'vnet-setup-'))
  readonly #steps: string[] = []

  constructor() {
    cpSync(join(repository, 'scripts'), join(this.root, 'scripts'), { recursive: true })
    this.write('package.json', '{ "dependencies": { "node-addon-api": "1.0.0" } }')
    this.write(
      'package-lock.json',
      '{ "packages": { "node_modules/node-addon-api": { "version": "1.0.0" } } }',
    )
    for (const file of [
      'tsconfig.json',
      'tsconfig.build.json',
      'binding.gyp',
      'native/addon/addon.cc',
      'native/rootless/rootless.cc',
      'src/index.ts',
      'src/tap.ts',
      ...SCRIPTS,
      ...PAGE,
      ...PACKAGES,
    ]) {
      this.write(file, '')
    }
    this.write('stand-ins/npm-cli.js', npm)
    for (const program of ['g++', 'make', 'python3']) {
      this.program(program, '')
    }
    this.program('flock', 'exec /usr/bin/flock "$@"')
  }

  write(file: string, text: string): void {
    mkdirSync(dirname(join(this.root, file)), { recursive: true })
    writeFileSync(join(this.root, file), text)
  }

  /** Puts a shell script on PATH. */
  program(name: string, script: string): void {
    this.write(`path/${name}`, `#!/bin/sh\n${script}\n`)
    chmodSync(join(this.root, 'path', name), 0o755)
  }

  remove(path: string): void {
    rmSync(join(this.root, path), { recursive: true })
  }

  has(path: string): boolean {
    return existsSync(join(this.root, path))
  }

  /** The programs run since the last call, in order. */
  calls(): string[] {
    return this.callLines().map(line => line.split(' ')[0]!)
  }

  /** The same with their arguments. */
  callLines(): string[] {
    if (!this.has('calls')) return []
    const lines = readFileSync(join(this.root, 'calls'), 'utf8').trimEnd().split('\n')
    this.remove('calls')
    return lines
  }

  /** The steps that set-up reported since the last call, in order. */
  steps(): string[] {
    return this.#steps.splice(0)
  }

  /**
   * Runs set-up; `preload` runs first, in the same process. `tun` is the code of the error with
   * which /dev/net/tun opens. Returns its output without the lines of the steps.
   */
  async setUp({
    args = [],
    preload = '',
    tun,
    env = {},
  }: {
    args?: string[]
    preload?: string
    tun?: string
    env?: NodeJS.ProcessEnv
  } = {}) {
    const preloads = [tunThat(tun), preload].filter(text => text !== '')
    const preloadArgs = preloads.flatMap(text => [
      '--import',
      `data:text/javascript,${encodeURIComponent(text)}`,
    ])
    const outcome = await execute([...preloadArgs, join(this.root, 'scripts/setup.mjs'), ...args], {
      PATH: join(this.root, 'path'),
      npm_execpath: join(this.root, 'stand-ins/npm-cli.js'),
      ...env,
    })
    const stderr = outcome.stderr.replace(
      /^vnet: (.*) \.\.\. (\d+\.\d s|failed)\n/gm,
      (_, step, how) => {
        this.#steps.push(how === 'failed' ? `${step}: failed` : step)
        return ''
      },
    )
    return { ...outcome, stderr }
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true })
  }
}

/** Runs in set-up before everything else: /dev/net/tun opens, or fails with this code. */
const tunThat = (code: string | undefined) => `
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
const { openSync } = fs
fs.openSync = (path, ...rest) => {
  if (path !== '/dev/net/tun') return openSync(path, ...rest)
  if (${JSON.stringify(code ?? '')} !== '') throw Object.assign(new Error('open'), { code: ${JSON.stringify(code)} })
  return openSync('/dev/null')
}
syncBuiltinESMExports()
`

/** Runs Node with `args` and only `env` in its environment. */
export function execute(args: string[], env: NodeJS.ProcessEnv, cwd = '.'): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const outcome = { stdout: '', stderr: '' }
    child.stdout.setEncoding('utf8').on('data', text => {
      outcome.stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', text => {
      outcome.stderr += text
    })
    child.on('error', reject)
    child.on('close', code => resolve({ code, ...outcome }))
  })
}
