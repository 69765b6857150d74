/** The project in examples/vitest, installed as the README of it says, by root and by a user. */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { asUser } from '#support/ordinary-user.ts'
import { isInstalled } from '../../../../scripts/setup/command.mjs'

const ROOT = resolve(import.meta.dirname, '../../../..')
const directory = fileDirectory()
const project = join(directory, 'vnet/examples/vitest')
const programs = join(directory, 'programs')
/**
 * The server, as redis-tools has it. The package redis-server has it under its usual name, but
 * starts a service.
 */
const REDIS = '/usr/bin/redis-check-rdb'
/** Without a server its test is skipped, except in CI. */
const REQUIRED = process.env.CI || isInstalled('redis-server') || existsSync(REDIS) ? '1' : '0'
/** Why the project cannot be installed: the network may be absent. */
let whyNot: string | undefined

// The settings of the npm that runs the tests must not reach the ones run here.
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_|VITEST|NODE_ENV$|VNET_)/.test(name)),
)

function run(words: readonly string[], cwd: string, more: Readonly<Record<string, string>> = {}) {
  const [program = '', ...args] = words
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd,
    env: { ...env, ...more },
    encoding: 'utf8',
  })
  return { status, text: stdout + stderr }
}

/** The packages that the project installs, with their folders in the clone. */
const PACKAGES = [
  ['vnet', '.'],
  ['@vnet/lan', 'packages/lan'],
  ['@vnet/guest', 'packages/guest'],
  ['@vnet/lab', 'packages/lab'],
] as const

/**
 * Packs the packages, unpacks them, and installs the project beside it. Packages come from npm's
 * cache if they can. Returns why not, if it cannot be installed.
 */
function install(): string | undefined {
  for (const [name, path] of PACKAGES) {
    const packed = run(
      ['npm', 'pack', '--silent', '--pack-destination', directory],
      join(ROOT, path),
    )
    expect(packed).toMatchObject({ status: 0 })
    const tarball = readdirSync(directory).find(file => file.endsWith('.tgz')) ?? ''
    mkdirSync(join(directory, name), { recursive: true })
    expect(
      run(['tar', '-xzf', tarball, '-C', name, '--strip-components=1'], directory),
    ).toMatchObject({ status: 0 })
    rmSync(join(directory, tarball))
  }
  // The package has no examples; the project names vnet by its place in the tree.
  cpSync(join(ROOT, 'examples/vitest'), project, {
    recursive: true,
    filter: path => !path.includes('node_modules'),
  })
  mkdirSync(programs)
  if (!isInstalled('redis-server') && existsSync(REDIS)) {
    symlinkSync(REDIS, join(programs, 'redis-server'))
  }
  const flags = [
    '--ignore-scripts',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--fetch-retries=0',
  ]
  const { status, text } = run(['npm', 'ci', ...flags], project)
  if (status !== 0) return `npm ci in examples/vitest failed: ${text}`
  // Like an installation from a registry: the packages, not links, with their dependencies.
  const installed = join(project, 'node_modules')
  const copy = (from: string, to: string) =>
    cpSync(from, to, { recursive: true, dereference: true })
  for (const [name] of PACKAGES) {
    rmSync(join(installed, name), { recursive: true, force: true })
    for (const part of ['dist', 'prebuilds', 'package.json'].filter(each =>
      existsSync(join(directory, name, each)),
    )) {
      copy(join(directory, name, part), join(installed, name, part))
    }
    const { dependencies } = JSON.parse(readFileSync(join(directory, name, 'package.json'), 'utf8'))
    const others = Object.keys(dependencies).filter(
      other => !PACKAGES.some(([own]) => own === other),
    )
    for (const other of others) {
      copy(join(ROOT, 'node_modules', other), join(installed, other))
    }
  }
  copy(join(ROOT, 'node_modules/@yuuang'), join(installed, '@yuuang'))
  return undefined
}

beforeAll(() => {
  whyNot = install()
  if (whyNot !== undefined && process.env.CI) throw new Error(whyNot)
}, 120_000)

/** Runs the tests of the project by a command line of its directory. */
function runTests(commandLine: string, by: readonly string[]): string {
  // vitest writes caches in the project.
  expect(run(['chmod', '-R', 'a+rwX', directory], directory)).toMatchObject({ status: 0 })
  const script = 'cd "$1" && PATH="$2:$PATH" && eval "$3"'
  const words = [
    ...by,
    'sh',
    '-c',
    script,
    'sh',
    project,
    `${programs}:${dirname(process.execPath)}`,
    commandLine,
  ]
  const { status, text } = run(words, directory, {
    HOME: directory,
    NO_COLOR: '1',
    VNET_REQUIRED: REQUIRED,
  })
  expect(status, text).toBe(0)
  return text
}

test.for([
  ['root', 'npx vitest run', []],
  ['an ordinary user', 'npx --no-install vnet rootless -- npx vitest run', asUser()],
] as const)('all tests of examples/vitest pass as %s', ([, commandLine, by], { skip }) => {
  if (whyNot !== undefined) {
    skip(whyNot)
  }
  expect(runTests(commandLine, by)).toMatch(/Test Files {2}11 passed \(11\)/)
})
