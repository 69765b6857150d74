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
const PACKAGES = ['exec', 'lan', 'guest', 'inet', 'conform', 'lab', 'web', 'learn'].map(
  name => `packages/${name}`,
)

const record = (name: string) => `
const fs = require('fs')
fs.appendFileSync('calls', '${name} ' + process.argv.slice(2).join(' ') + '\\n')
process.stdout.write('${name} on stdout\\n')
if (fs.existsSync('break-${name}')) { console.error('${name} on stderr'); process.exit(3) }
`

const nodeGyp = `${record('node-gyp')}
if (fs.existsSync('meet')) fs.closeSync(fs.openSync('meet', 'r'))
fs.mkdirSync('build/Release', { recursive: true })
const ends = { vnet: '.node', 'vnet-clock': '.so' }
for (const target of process.argv.filter(word => /^vnet/.test(word)))
  fs.writeFileSync('build/Release/' + target + (ends[target] ?? ''), '')
`

/** What builds native files runs beside what compiles: it is listed first. */
const listed = (lines: string[]): string[] => {
  const isBeside = (line: string) => /^(compiling|joining|checking|tsc|rolldown)/.test(line)
  return [...lines.filter(line => !isBeside(line)), ...lines.filter(isBeside)]
}

/** Without --outDir it only checks types. */
const tsc = `${record('tsc')}
if (fs.existsSync('meet')) { fs.closeSync(fs.openSync('meet', 'w')); fs.rmSync('meet') }
const [project, to] = ['-p', '--outDir'].map(option => process.argv[process.argv.indexOf(option) + 1])
const types = !process.argv.includes('--outDir')
if (types && fs.existsSync('break-types')) { console.error('a type does not match'); process.exit(2) }
const isPage = project.includes('/page/')
const emitted = file => isPage ? file.startsWith('packages/web/src/page/') : /^(packages\\/\\w+\\/)?src\\/(?!page)/.test(file)
for (const file of types ? [] : fs.readdirSync('.', { recursive: true })) {
  if (!emitted(file)) continue
  const path = to + '/' + (isPage ? file.replace('packages/web/src/', '') : file)
  fs.mkdirSync(require('path').dirname(path), { recursive: true })
  if (file.endsWith('.ts')) fs.writeFileSync(path.replace(/ts$/, 'js'), '')
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
  #todo: string[] = []

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
      'tsconfig.types.json',
      'binding.gyp',
      'native/addon/addon.cc',
      'native/rootless/rootless.cc',
      'src/index.ts',
      'src/tap.ts',
      ...SCRIPTS,
      ...PAGE,
      ...PACKAGES.map(path => `${path}/src/commands.ts`),
    ]) {
      this.write(file, '')
    }
    for (const path of PACKAGES) {
      this.write(`${path}/package.json`, '{}')
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

  /** The environment of a script of the tree. */
  env(): NodeJS.ProcessEnv {
    return {
      PATH: join(this.root, 'path'),
      npm_execpath: join(this.root, 'stand-ins/npm-cli.js'),
    }
  }

  /** The programs run since the last call, in order, but compilers of TypeScript last. */
  calls(): string[] {
    return this.callLines().map(line => line.split(' ')[0]!)
  }

  /** The same with their arguments. */
  callLines(): string[] {
    if (!this.has('calls')) return []
    const lines = readFileSync(join(this.root, 'calls'), 'utf8').trimEnd().split('\n')
    this.remove('calls')
    return listed(lines)
  }

  /** The steps that set-up reported since the last call, in order, but compiling last. */
  steps(): string[] {
    return listed(this.#steps.splice(0))
  }

  /** The steps that the last set-up has named before it made them. */
  todo(): string[] {
    return this.#todo
  }

  /**
   * Runs set-up; `preload` runs first, in the same process. `tun` is the code of the error with
   * which /dev/net/tun opens. Returns its output without the lines of the steps, and without the
   * line that names them first.
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
      ...this.env(),
      ...env,
    })
    this.#todo = []
    const stderr = outcome.stderr
      .replace(/^vnet: set-up: (.*)\n/gm, (_, steps) => {
        this.#todo.push(...steps.split(', '))
        return ''
      })
      .replace(/^vnet: (.*) \.\.\. (\d+\.\d s|failed)\n/gm, (_, step, how) => {
        this.#steps.push(how === 'failed' ? `${step}: failed` : step)
        return ''
      })
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
