/**
 * Versions: what a report must name of a client: its package or its version, the libraries of its
 * script, and the system. Programs that are asked for their version have five seconds.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, realpathSync, statSync } from 'node:fs'
import { release, type } from 'node:os'
import { basename } from 'node:path'
import { attempt } from 'vnet'
import { printable } from 'vnet/kit/base'
import { findProgram } from 'vnet/kit/linux'

/** A short script of a client, which a report quotes. */
export interface Script {
  readonly path: string
  readonly text: string
}

export interface Versions {
  /** Lines such as `wget 1.21.3-1+deb12u1 (Debian package wget)`. */
  readonly lines: readonly string[]
  readonly scripts: readonly Script[]
}

/** Milliseconds for a program to print its version. */
const TIME_LIMIT = 5000
/** The longest script that is quoted, in bytes, and the longest line of a version. */
const SCRIPT_MAX = 4096
const LINE_MAX = 200
const HASH_BANG = '#!'

/** How an interpreter is asked for the versions of the libraries that a script names. */
interface Language {
  readonly program: RegExp
  /** The names of libraries, in one of its groups. */
  readonly names: RegExp
  /** Prints `NAME VERSION` for each argument that it knows. */
  readonly ask: readonly string[]
}

const LANGUAGES: readonly Language[] = [
  {
    program: /^perl[\d.]*$/,
    names: /(?:\buse\s+|-M)([A-Z]\w*(?:::\w+)*)/g,
    ask: [
      '-e',
      'for (@ARGV) { print "$_ ", $_->VERSION, "\\n" if eval "require $_; $_->VERSION" }',
    ],
  },
  {
    program: /^(?:python|pypy)[\d.]*$/,
    names: /(?:^|;|["'])\s*(?:import|from)\s+(\w+)/gm,
    ask: [
      '-c',
      'import importlib.metadata as m, sys\n' +
        'known = m.packages_distributions()\n' +
        'for name in sys.argv[1:]:\n' +
        '    for each in set(known.get(name, [])): print(each, m.version(each))',
    ],
  },
  {
    program: /^ruby[\d.]*$/,
    names: /(?:\brequire\s*\(?\s*["']|-r)([\w/-]+)/g,
    ask: [
      '-e',
      'ARGV.each { |n| begin; require n; s = Gem.loaded_specs[n.tr("/", "-")]; ' +
        'puts "#{n} #{s.version}" if s; rescue LoadError; end }',
    ],
  },
]
/** Programs that run a script of their arguments, besides the languages. */
const INTERPRETERS = /^(?:node|php|lua|bash|dash|sh|tclsh|guile|java|deno|bun)[\d.]*$/

/** Returns the versions of a line for sh(1), as far as they are found. */
export async function versionsOf(command: string): Promise<Versions> {
  const words = wordsOf(command)
  const program = findProgram(words[0] ?? '')
  const system = systemLine()
  if (program === undefined) return { lines: [system], scripts: [] }
  const script = scriptOf(program, words)
  const paths = [program, ...(script?.interpreter === undefined ? [] : [script.interpreter])]
  const isScript = script?.path === program
  const own = await Promise.all(paths.slice(isScript ? 1 : 0).map(versionLine))
  const libraries = await libraryLines(script?.interpreter ?? program, command, script?.text)
  const isShort = script !== undefined && script.text.length <= SCRIPT_MAX
  const long = script === undefined || isShort ? [] : [longScript(script)]
  return {
    lines: [...own, ...libraries, ...long, system],
    scripts: isShort ? [{ path: basename(script.path), text: script.text }] : [],
  }
}

/** The directory of vnet in a command, which runs in another one. */
const OWN_DIRECTORY = /\$\{?VNET_CWD\b\}?/g

/** Returns the program and its arguments, without quotes. */
function wordsOf(command: string): string[] {
  const words = command.match(/(?:[^\s'"]|'[^']*'|"(?:[^"\\]|\\.)*")+/g) ?? []
  const first = words.findIndex(word => !/^(?:exec|env|\w+=.*)$/s.test(word))
  if (first < 0) return []
  return words
    .slice(first)
    .map(word => word.replaceAll(/['"]/g, '').replaceAll(OWN_DIRECTORY, process.cwd()))
}

/** An argument may be code, which is too long for a name. */
const isFile = (path: string): boolean => attempt(() => statSync(path))?.isFile() === true

interface FoundScript extends Script {
  /** The path of the program that runs it, if its first line names that. */
  readonly interpreter?: string | undefined
}

/** Returns the script that a command runs: an argument of an interpreter, or the program itself. */
function scriptOf(program: string, [, ...args]: readonly string[]): FoundScript | undefined {
  if (isInterpreter(program)) {
    const path = args.find(arg => !arg.startsWith('-') && isFile(arg))
    return path === undefined ? undefined : { path, text: readFileSync(path, 'utf8') }
  }
  const start = readFileSync(program).subarray(0, 2).toString('latin1')
  if (start !== HASH_BANG) return undefined
  const text = readFileSync(program, 'utf8')
  const words = (text.split('\n', 1)[0] ?? '').slice(HASH_BANG.length).trim().split(/\s+/)
  const [name = ''] = basename(words[0] ?? '') === 'env' ? words.slice(1) : words
  const interpreter = findProgram(name)
  return { path: program, text, ...(interpreter !== undefined && { interpreter }) }
}

const isInterpreter = (path: string): boolean =>
  [INTERPRETERS, ...LANGUAGES.map(each => each.program)].some(each => each.test(basename(path)))

function longScript({ path, text }: Script): string {
  const hash = createHash('sha256').update(text).digest('hex')
  return `the script ${basename(path)}: ${text.length} characters, SHA-256 ${hash}`
}

async function libraryLines(
  interpreter: string,
  command: string,
  script = '',
): Promise<readonly string[]> {
  const language = LANGUAGES.find(({ program }) => program.test(basename(interpreter)))
  if (language === undefined) return []
  const found = [command, script].flatMap(text => [...text.matchAll(language.names)])
  const names = [...new Set(found.map(([, name = '']) => name))]
  if (names.length === 0) return []
  const { stdout } = await outputOf(interpreter, [...language.ask, ...names])
  return stdout.split('\n').filter(line => line !== '')
}

/** Returns the Debian package of a program, or else what it prints for --version. */
async function versionLine(path: string): Promise<string> {
  const name = basename(path)
  const debian = await packageOf(path)
  if (debian !== undefined) return `${name} ${debian}`
  const { stdout, stderr } = await outputOf(path, ['--version'])
  const line = (stdout || stderr).split('\n').find(each => each.trim() !== '')
  if (line === undefined) return `${name}: its version is not known`
  return printable(line).slice(0, LINE_MAX)
}

async function packageOf(path: string): Promise<string | undefined> {
  const real = attempt(() => realpathSync(path)) ?? path
  // A package may name files without /usr, which is merged.
  const paths = [path, real].flatMap(each => [each, each.replace(/^\/usr\//, '/')])
  for (const each of new Set(paths)) {
    const owners = await outputOf('dpkg', ['-S', each])
    const [, owner] = /^([\w.+-]+(?::\w+)?)(?:,.*)?: \//m.exec(owners.stdout) ?? []
    if (owner === undefined) continue
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query replaces them.
    const format = '${Version} (Debian package ${Package})'
    return (await outputOf('dpkg-query', ['-W', '-f', format, owner])).stdout
  }
  return undefined
}

function systemLine(): string {
  const distribution = attempt(() => readFileSync('/etc/os-release', 'utf8')) ?? ''
  const [, name = 'distribution not known'] = /^PRETTY_NAME="?([^"\n]*)/m.exec(distribution) ?? []
  return `${type()} ${release()} ${process.arch}, ${name}`
}

interface Output {
  readonly stdout: string
  readonly stderr: string
}

/** Returns what a program prints; nothing if it cannot be started. */
function outputOf(program: string, args: readonly string[]): Promise<Output> {
  return new Promise(resolve => {
    const options = { timeout: TIME_LIMIT, killSignal: 'SIGKILL' } as const
    const child = execFile(program, args, options, (_, stdout, stderr) =>
      resolve({ stdout, stderr }),
    )
    child.stdin?.end()
  })
}
