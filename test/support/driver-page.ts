/**
 * Pages that build drivers step by step: their blocks become files, and their commands run as a
 * reader would type them, in a network namespace, and must print what the page shows.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { expect } from 'vitest'
import { type Netns, type Outcome, outcome } from './netns.ts'
import { expectConserved, jsonLines, type Running, spawnVnet } from './vnet-process.ts'

/** A command of a page, and the lines that the page shows below it. */
export interface Step {
  readonly command: string
  readonly shown: readonly string[]
}

/** Makes a directory of links to this clone, like a reader's clone. */
export function linkClone(clone: string): void {
  mkdirSync(clone)
  copyFileSync('package.json', join(clone, 'package.json'))
  // Scripts that are links work in the tree, so that `npm run pack` writes there.
  for (const entry of new Set([...readdirSync('.'), 'packed'])) {
    if (entry !== 'package.json' && !entry.startsWith('.')) {
      symlinkSync(resolve(entry), join(clone, entry))
    }
  }
}

/**
 * Type-checks files in a directory as strict TypeScript, with JavaScript by its comments. Returns
 * the errors.
 */
export function typeErrors(directory: string, files: readonly string[]): string {
  mkdirSync(join(directory, 'node_modules'), { recursive: true })
  symlinkSync(resolve('.'), join(directory, 'node_modules/vnet'))
  for (const name of ['@types', '@vnet']) {
    symlinkSync(resolve('node_modules', name), join(directory, 'node_modules', name))
  }
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable'],
    types: ['node'],
    strict: true,
    noEmit: true,
    allowJs: true,
    checkJs: true,
    skipLibCheck: true,
  }
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  const { stdout, stderr } = spawnSync(resolve('node_modules/.bin/tsc'), ['-p', directory], {
    encoding: 'utf8',
  })
  return stdout + stderr
}

/** Returns the fenced blocks (`js`, `ts` or console), each with the last line of text before it. */
export function blocks(text: string): { kind: string; code: string; before: string }[] {
  const found = text.matchAll(/([^\n]*)\n\n```(\w*)\n(.*?)^```$/gms)
  return [...found].map(([, before, kind, code]) => ({ kind: kind!, code: code!, before: before! }))
}

/** What names a part of a program: an import, a type, a function or a constant. */
const NAME = /^(?:import .*|\/\*\* @import .*|.*@typedef .*|(?:export )?(?:const|function) \w+)/m

/** Returns the parts of a program by name, each with the comment before it. */
export function declarations(code: string): Map<string, string> {
  const parts = code
    .split(/\n\n(?=\S)|(?<=^import .*\n)(?=import )/m)
    .filter(part => NAME.test(part))
  return new Map(parts.map(part => [part.match(NAME)![0], part.trimEnd().concat('\n')]))
}

/** Replaces existing parts by name, and inserts new ones above `setup`, imports at the top. */
export function merge(file: Map<string, string>, block: Map<string, string>): Map<string, string> {
  const all = [...file].map(([name, code]) => [name, block.get(name) ?? code] as const)
  const added = [...block].filter(([name]) => !file.has(name))
  const isImport = ([name]: readonly [string, string]) => /import /.test(name)
  const setup = all.findIndex(([name]) => name === 'function setup')
  const at = Math.max(setup, 0)
  return new Map([
    ...added.filter(isImport),
    ...all.slice(0, at),
    ...added.filter(entry => !isImport(entry)),
    ...all.slice(at),
  ])
}

export function steps(text: string): Step[] {
  const lines = text.trimEnd().split('\n')
  const starts = lines.flatMap((line, i) => (/^(\$ |\^C)/.test(line) ? [i] : []))
  expect(starts[0]).toBe(0)
  return starts.map((start, i) => ({
    command: lines[start]!.replace(/^\$ /, ''),
    shown: lines.slice(start + 1, starts[i + 1]),
  }))
}

/** Where and how the commands of a page run. */
export interface Terminals {
  readonly page: string
  /** The directory of links to this clone. */
  readonly clone: string
  /** The Node of the reader. */
  readonly node: string
  /** Undefined for commands that need no root. */
  readonly netns: Netns | undefined
  /** Words of the page that mean something else here, such as names of namespaces. */
  readonly words?: ReadonlyMap<string, string>
}

/** The terminals of the reader: one for the driver, one for everything else. */
export class Session {
  readonly #terminals: Terminals
  #cwd: string
  readonly #aliases: readonly string[]
  #vnet: Running | undefined
  #delay = 0

  constructor(terminals: Terminals) {
    this.#terminals = terminals
    this.#cwd = terminals.clone
    this.#aliases = [...terminals.page.matchAll(/^\$ (alias .*)$/gm)].map(([, alias]) => alias!)
  }

  async play(all: readonly Step[]): Promise<void> {
    const captures: [Promise<Outcome>, readonly string[]][] = []
    for (const { command, shown } of all) {
      if (command === '^C') {
        this.#expectShown(await this.stop(), shown)
      } else if (shown.includes('ready')) {
        await this.#start(command, shown)
      } else if (command.startsWith('sudo tcpdump')) {
        const child = this.#spawn(command)
        captures.push([outcome(child), shown])
        await once(child.stderr, 'data')
      } else {
        const { stdout, stderr } = await outcome(this.#spawn(command))
        // The driver prints in its own terminal.
        const [said, printed] = [shown.filter(isLog), shown.filter(line => !isLog(line))]
        this.#expectShown(stdout + stderr, printed)
        for (const line of said) {
          expect(await this.#vnet!.line(this.#pattern(line))).toBeDefined()
        }
        for (const [, time] of stdout.matchAll(/time=([\d.]+) ms/g)) {
          expect(Number(time)).toBeGreaterThanOrEqual(2 * this.#delay)
        }
        if (command.startsWith('cd ') || command.includes('&& cd ')) {
          this.#cwd = resolve(this.#cwd, command.split('cd ').at(-1)!)
        }
      }
    }
    for (const [capture, shown] of captures) {
      this.#expectShown((await capture).stdout, shown)
    }
  }

  /**
   * Ends the driver as Ctrl-C does, checks that all frames are accounted for, and returns its
   * output.
   */
  async stop(): Promise<string> {
    const vnet = this.#vnet
    if (vnet === undefined) return ''
    const { stdout } = await outcome(this.#spawn('vnet stats --json'))
    const interfaces = jsonLines(stdout).flatMap(
      line => line.interfaces as Parameters<typeof expectConserved>[0],
    )
    expect(interfaces.length).toBeGreaterThan(0)
    expectConserved(interfaces)
    this.#vnet = undefined
    const ended = await vnet.stop('SIGINT')
    expect(ended.status).toBe(0)
    expect(ended.stderr).not.toContain('neither handed on nor freed')
    return ended.stderr + ended.stdout
  }

  async #start(command: string, shown: readonly string[]): Promise<void> {
    await this.stop()
    const [program, ...args] = command.split(' ')
    expect(program).toBe('vnet')
    this.#delay = Number(command.match(/--delay (\d+)/)?.[1] ?? 0)
    // Replaces this Node, which is the first word of the command.
    const { node, netns } = this.#terminals
    const other = ['sh', '-c', 'node=$1; shift 2; exec "$node" "$@"', 'sh', node]
    this.#vnet = await spawnVnet(args.map(this.#word), {
      within: ['ip', 'netns', 'exec', netns!.name, 'env', '-C', this.#cwd, ...other],
    })
    const logged = shown.filter(line => /: device/.test(line))
    // It may arrive after the line on standard output that the program is ready.
    for (const line of logged) {
      await this.#vnet.line(this.#pattern(line))
    }
    this.#expectShown(this.#vnet.stderr, logged)
    this.#expectShown(
      this.#vnet.stdout,
      shown.filter(line => !/: device/.test(line)),
    )
  }

  /** Starts bash with the aliases of the page and without the environment variables of npm. */
  #spawn(command: string) {
    const { node, netns } = this.#terminals
    const before = [
      'shopt -s expand_aliases',
      'unset $(compgen -v npm_)',
      'export npm_config_offline=true',
      'sudo() { "$@"; }',
    ]
    const lines = [
      `PATH=${dirname(node)}:$PATH`,
      `cd ${this.#cwd}`,
      ...this.#aliases,
      this.#word(command),
    ]
    const script = [...before, ...lines].join('\n')
    // A namespace that is made inside of `ip netns exec` is not seen outside.
    const isOutside = netns === undefined || /^sudo ip netns (add|del) /.test(command)
    return isOutside
      ? spawn('bash', ['-c', script], { stdio: 'pipe' })
      : netns.spawn(['bash', '-c', script])
  }

  /** Replaces terms that mean something else here. */
  readonly #word = (text: string): string => {
    let replaced = text
    for (const [word, other] of this.#terminals.words ?? []) {
      replaced = replaced.replaceAll(RegExp(`\\b${word}\\b`, 'g'), other)
    }
    return replaced
  }

  /** Checks that the lines occur in `text` in this order. */
  #expectShown(text: string, shown: readonly string[]): void {
    const lines = text.split('\n')
    let from = 0
    for (const line of shown) {
      const at = lines.findIndex((actual, i) => i >= from && this.#pattern(line).test(actual))
      if (at < 0) {
        expect.fail(`not printed: ${line}\nbut:\n${text}`)
      }
      from = at + 1
    }
  }

  /**
   * Returns the pattern of a line of the page, in which anything that differs between runs is open:
   * times, MAC addresses, IP ids, paths, the numbers of interrupts, polls and frames, and drops of
   * a device that is down.
   */
  #pattern(line: string): RegExp {
    const source = this.#word(line)
      .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
      .replaceAll('/home/you/vnet', this.#terminals.clone)
      .replace(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, '([0-9a-f]{2}:){5}[0-9a-f]{2}')
      .replace(/(time=)[\d\\.]+( ms)/, '$1[\\d.]+$2')
      .replace(/(, time |timed out after )\d+/, '$1\\d+')
      .replace(/\d+( interrupts| polls| frames,| of them)/g, '\\d+$1')
      .replace(/\bid \d+/, 'id \\d+')
      .replace(/(dropped DEV_READY +)\d+/, '$1\\d+')
      .replace(/ +/g, ' +')
    return new RegExp(`^${source} *$`)
  }
}

/** Whether a line of the page is printed in the driver's terminal. */
const isLog = (line: string) => /^(?!vnet)[a-z]\w*: /.test(line)
