/**
 * docs/write-a-driver.md works: its blocks are assembled into files as it describes, in a directory
 * of links to this clone. Its commands run there in a network namespace and must print what the
 * page shows.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { reasonToSkipKernelTests } from '../../scripts/kernel-tests.mjs'
import { type Netns, type Outcome, OwnNetns, outcome } from '../support/netns.ts'
import { expectConserved, jsonLines, type Running, spawnVnet } from '../support/vnet-process.ts'

/** ms to fetch a Node that the machine does not have. */
const DOWNLOAD = 300_000
/** ms for one part: its pings wait, and its programs start one after the other. */
const PART = 60_000
const PAGE = 'docs/write-a-driver.md'

const page = readFileSync(PAGE, 'utf8')
const needsRoot = (section: string) => /^ready$/m.test(section)
const skipped = reasonToSkipKernelTests() !== undefined

/** `[heading, text]` of every part with commands. */
const sections = page
  .split(/^## /m)
  .slice(1)
  .map(text => [text.split('\n')[0]!, text] as const)
  .filter(([, text]) => text.includes('```'))

interface Step {
  readonly command: string
  readonly shown: readonly string[]
}

let nodeThatRunsTypeScript: string
beforeAll(async () => {
  const child = spawn('npx', ['-y', '-p', 'node@24', '--', 'node', '-p', 'process.execPath'], { stdio: 'pipe' })
  nodeThatRunsTypeScript = (await outcome(child)).stdout.trim()
}, DOWNLOAD)

let own: OwnNetns
let netns: Netns
let directory: string
let clone: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vnet-test-'))
  clone = join(directory, 'vnet')
  mkdirSync(clone)
  copyFileSync('package.json', join(clone, 'package.json'))
  for (const entry of readdirSync('.')) {
    if (entry !== 'package.json' && !entry.startsWith('.')) symlinkSync(resolve(entry), join(clone, entry))
  }
  if (skipped) return
  own = new OwnNetns()
  netns = own.addQuiet()
})
afterEach(() => {
  if (!skipped) own.remove()
  rmSync(directory, { recursive: true })
})

for (const [heading, text] of sections) {
  test.skipIf(skipped && needsRoot(text))(
    `${heading}: its code and commands do what it shows`,
    async () => {
      for (const [name, code] of files(heading)) writeFileSync(join(clone, name), code)
      const session = new Session(text.includes('```ts') ? nodeThatRunsTypeScript : process.execPath)
      for (const { kind, code } of blocks(text)) if (kind === '') await session.play(steps(code))
      await session.stop()
    },
    PART,
  )
}

test('the driver in docs/write-a-driver.md is examples/mirror.js', () => {
  const byName = ([a]: readonly [string, string], [b]: readonly [string, string]) => (a < b ? -1 : 1)
  const parts = (code: string) => [...declarations(code)].filter(([name]) => !name.startsWith('import')).sort(byName)
  const imports = (code: string) =>
    [...code.matchAll(/^import \{(.*?)\}/gms)].flatMap(([, names]) => names!.match(/\w+/g)!)
  const example = readFileSync('examples/mirror.js', 'utf8')
  const built = files('From here').get('mirror.js')!
  expect(parts(example)).toEqual(parts(built))
  expect(imports(example).sort()).toEqual(imports(built).sort())
})

test('every file that docs/write-a-driver.md links to exists', () => {
  const links = [...page.matchAll(/\]\((?!http)([^)#]+)/g)].map(([, path]) => path!)
  expect(links.length).toBeGreaterThan(4)
  for (const path of links) expect(readFileSync(join(dirname(PAGE), path), 'utf8').length).toBeGreaterThan(0)
})

/** Returns the fenced blocks (`js`, `ts` or console), each with the last line of text before it. */
function blocks(text: string): { kind: string; code: string; before: string }[] {
  const found = text.matchAll(/([^\n]*)\n\n```(\w*)\n(.*?)^```$/gms)
  return [...found].map(([, before, kind, code]) => ({ kind: kind!, code: code!, before: before! }))
}

/** Returns every file as it is after the part of that heading. */
function files(heading: string): Map<string, string> {
  const until = page.indexOf('\n## ', page.indexOf(`## ${heading}`))
  const found = new Map<string, string>()
  let mirror = new Map<string, string>()
  for (const { kind, code, before } of blocks(page.slice(0, until < 0 ? undefined : until))) {
    if (kind === '') continue
    const [, name] = before.match(/This is `([\w.]+)`/) ?? []
    if (name !== undefined) found.set(name, code)
    else {
      mirror = merge(mirror, declarations(code))
      found.set('mirror.js', [...mirror.values()].join('\n'))
    }
  }
  return found
}

/** Returns imports, functions and constants by name, each with the comment before it. */
function declarations(code: string): Map<string, string> {
  const starts = /^(?=import |\/\*\*|(?<!\*\/\n)(?:export )?(?:const|function) )/m
  return new Map(
    code
      .split(starts)
      .filter(part => /^(import|(export )?(const|function)) /m.test(part))
      .map(part => [part.match(/^(?:import .*|(?:export )?(?:const|function) \w+)/m)![0], part.trimEnd().concat('\n')]),
  )
}

/** Replaces the parts whose names exist, and inserts new ones above `setup`, imports at the top. */
function merge(file: Map<string, string>, block: Map<string, string>): Map<string, string> {
  const all = [...file].map(([name, code]) => [name, block.get(name) ?? code] as const)
  const added = [...block].filter(([name]) => !file.has(name))
  const isImport = ([name]: readonly [string, string]) => name.startsWith('import')
  const setup = all.findIndex(([name]) => name === 'function setup')
  const at = Math.max(setup, 0)
  return new Map([
    ...added.filter(isImport),
    ...all.slice(0, at),
    ...added.filter(entry => !isImport(entry)),
    ...all.slice(at),
  ])
}

function steps(text: string): Step[] {
  const lines = text.trimEnd().split('\n')
  const starts = lines.flatMap((line, i) => (/^(\$ |\^C)/.test(line) ? [i] : []))
  expect(starts[0]).toBe(0)
  return starts.map((start, i) => ({
    command: lines[start]!.replace(/^\$ /, ''),
    shown: lines.slice(start + 1, starts[i + 1]),
  }))
}

/** The terminals of the reader: one for the driver, one for everything else. */
class Session {
  readonly #node: string
  #cwd = clone
  #aliases: string[] = [...page.matchAll(/^\$ (alias .*)$/gm)].map(([, alias]) => alias!)
  #vnet: Running | undefined
  #delay = 0

  constructor(node: string) {
    this.#node = node
  }

  async play(all: readonly Step[]): Promise<void> {
    const captures: [Promise<Outcome>, readonly string[]][] = []
    for (const { command, shown } of all) {
      if (command === '^C') expectShown(await this.stop(), shown)
      else if (shown.includes('ready')) await this.#start(command, shown)
      else if (command.startsWith('sudo tcpdump')) {
        const child = this.#spawn(command)
        captures.push([outcome(child), shown])
        await once(child.stderr, 'data')
      } else {
        const { stdout, stderr } = await outcome(this.#spawn(command))
        // The driver prints in its own terminal.
        const [said, printed] = [shown.filter(isLog), shown.filter(line => !isLog(line))]
        expectShown(stdout + stderr, printed)
        for (const line of said) expect(await this.#vnet!.line(pattern(line))).toBeDefined()
        for (const [, time] of stdout.matchAll(/time=([\d.]+) ms/g)) {
          expect(Number(time)).toBeGreaterThanOrEqual(2 * this.#delay)
        }
        if (command.startsWith('cd ') || command.includes('&& cd '))
          this.#cwd = resolve(this.#cwd, command.split('cd ').at(-1)!)
      }
    }
    for (const [capture, shown] of captures) expectShown((await capture).stdout, shown)
  }

  /**
   * Ends the driver as Ctrl-C does, checks that all frames are accounted for, and returns its
   * output.
   */
  async stop(): Promise<string> {
    const vnet = this.#vnet
    if (vnet === undefined) return ''
    const { stdout } = await outcome(this.#spawn('vnet stats --json'))
    const interfaces = jsonLines(stdout).flatMap(line => line.interfaces as Parameters<typeof expectConserved>[0])
    expect(interfaces).toHaveLength(1)
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
    const other = ['sh', '-c', 'node=$1; shift 2; exec "$node" "$@"', 'sh', this.#node]
    this.#vnet = await spawnVnet(args, {
      within: ['ip', 'netns', 'exec', netns.name, 'env', '-C', this.#cwd, ...other],
    })
    expectShown(
      this.#vnet.stderr,
      shown.filter(line => /: device/.test(line)),
    )
    expectShown(
      this.#vnet.stdout,
      shown.filter(line => !/: device/.test(line)),
    )
  }

  /** Starts bash with the aliases of the page and without the environment variables of npm. */
  #spawn(command: string) {
    const before = [
      'shopt -s expand_aliases',
      'unset $(compgen -v npm_)',
      'export npm_config_offline=true',
      'sudo() { "$@"; }',
    ]
    const script = [...before, `PATH=${dirname(this.#node)}:$PATH`, `cd ${this.#cwd}`, ...this.#aliases, command].join(
      '\n',
    )
    return skipped ? spawn('bash', ['-c', script], { stdio: 'pipe' }) : netns.spawn(['bash', '-c', script])
  }
}

const isLog = (line: string) => /^\w+0: /.test(line)

/** Checks that the lines occur in `text` in this order. */
function expectShown(text: string, shown: readonly string[]): void {
  const lines = text.split('\n')
  let from = 0
  for (const line of shown) {
    const at = lines.findIndex((actual, i) => i >= from && pattern(line).test(actual))
    if (at < 0) expect.fail(`not printed: ${line}\nbut:\n${text}`)
    from = at + 1
  }
}

/**
 * Returns the pattern of a line of the page, in which anything that differs between runs is open:
 * times, MAC addresses, IP ids, paths.
 */
function pattern(line: string): RegExp {
  const source = line
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('/home/you/vnet', clone)
    .replace(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, '([0-9a-f]{2}:){5}[0-9a-f]{2}')
    .replace(/(time=)[\d\\.]+( ms)/, '$1[\\d.]+$2')
    .replace(/(, time |timed out after )\d+/, '$1\\d+')
    .replace(/\bid \d+/, 'id \\d+')
    .replace(/ +/g, ' +')
  return new RegExp(`^${source} *$`)
}
