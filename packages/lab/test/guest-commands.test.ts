/** What commands hand to a guest, with fakes of labs, guests and explorations. */

import { Buffer } from 'node:buffer'
import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Io } from '#src/cli/process/io.ts'
import { testDirectory } from '#support/fresh-directory.ts'
import { given } from '#support/given.ts'
import * as guestCommand from '../../guest/src/commands/guest.ts'
import * as guestModule from '../../guest/src/guest.ts'
import * as inside from '../../guest/src/inside.ts'
import { exploreCommand } from '../src/commands/explore.ts'
import { lab } from '../src/commands/lab.ts'
import * as exploring from '../src/explore/index.ts'
import { FileLab } from '../src/file/file-lab.ts'
import * as running from '../src/run/run-command.ts'
import { STAGE } from '../src/world/world.ts'

const fakes = { guest: vi.fn(), explore: vi.fn(), start: vi.fn(), runCommand: vi.fn() }
const stop = Buffer.from(JSON.stringify({ host: 'a', command: ['true'], stops: [], seed: 1 }))

const cwd = process.cwd()
let printed = ''
const io: Io = {
  out: () => {},
  err: text => {
    printed += text
  },
  onEnd: () => () => {},
} as Partial<Io> as Io

let directory = ''
/** A project with a link to itself, `link`, and with links to its neighbour. */
beforeEach(() => {
  vi.spyOn(guestCommand, 'guest').mockImplementation(fakes.guest)
  vi.spyOn(guestModule, 'checkGuest').mockImplementation(() => {})
  vi.spyOn(inside, 'stopMachine').mockReturnValue(stop)
  vi.spyOn(exploring, 'explore').mockImplementation(fakes.explore)
  vi.spyOn(FileLab, 'start').mockImplementation(fakes.start)
  vi.spyOn(running, 'runCommand').mockImplementation(fakes.runCommand)
  printed = ''
  const root = realpathSync(testDirectory())
  directory = join(root, 'project')
  for (const each of ['project', 'project/labs', 'other']) {
    mkdirSync(join(root, each))
  }
  for (const each of ['project/labs', 'other']) {
    writeFileSync(join(root, each, 'net.yaml'), 'hosts: [a]\n')
    writeFileSync(join(root, each, 'changes.yaml'), '[]\n')
    writeFileSync(join(root, each, 'scenario.mjs'), '')
  }
  symlinkSync('.', join(directory, 'link'))
  symlinkSync('../other', join(directory, 'other'))
  symlinkSync('../../other/net.yaml', join(directory, 'labs/other.yaml'))
  process.chdir(directory)
})
afterEach(() => {
  process.chdir(cwd)
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  for (const fake of Object.values(fakes)) {
    fake.mockReset()
  }
})

test('a lab in a guest has the real paths of its files and of its directory', async () => {
  fakes.guest.mockResolvedValue(0)
  process.chdir('/')
  const link = join(directory, 'link')
  const options = {
    time: 'virtual',
    directory: link,
    scenario: join(link, 'labs/changes.yaml'),
  } as const
  expect(await lab(join(link, 'labs/net.yaml'), ['true'], given(options), io)).toBe(0)
  const [words] = fakes.guest.mock.calls[0] as [string[]]
  const files = ['net.yaml', 'changes.yaml'].map(name => join(directory, 'labs', name))
  expect(words.slice(-3)).toEqual([files[0], '--scenario', files[1]])
})

test.each(['other/net.yaml', 'labs/other.yaml'])(
  'a lab in a guest refuses %s, whose file it lacks',
  async path => {
    const run = lab(path, ['true'], given({ time: 'virtual' }), io)
    await expect(run).rejects.toThrow(`${path}: not in ${directory}, whose files the guest has`)
  },
)

test('a directory that does not exist is named', async () => {
  const run = lab('labs/net.yaml', ['true'], given({ time: 'virtual', directory: 'none' }), io)
  await expect(run).rejects.toThrow(
    `labs/net.yaml: not in ${join(directory, 'none')}, whose files the guest has`,
  )
})

test('a lab in a guest hides from its programs that the guest stops when it is up', async () => {
  vi.stubEnv(STAGE, '1')
  const seen: unknown[] = []
  fakes.start.mockImplementation(async () => {
    seen.push(STAGE in process.env)
    return {
      host: () => ({}),
      reset: () => {},
      lostBeforeVnet: async () => [],
      [Symbol.asyncDispose]: async () => {},
    }
  })
  fakes.runCommand.mockImplementation(async (_host, command, env) => {
    seen.push(command, STAGE in env)
    return 7
  })
  expect(await lab('labs/net.yaml', [], given({}), io)).toBe(7)
  expect(seen).toEqual([false, ['true'], false])
})

test('an exploration in a guest has the real path of its scenario', async () => {
  fakes.explore.mockResolvedValue({ passed: true, failures: [] })
  expect(await exploreCommand('link/labs/scenario.mjs', [], given({ world: 'guest' }), io)).toBe(0)
  expect(fakes.explore.mock.calls[0]?.[0]).toEqual(
    pathToFileURL(join(directory, 'labs/scenario.mjs')),
  )
  const run = exploreCommand('other/scenario.mjs', [], given({ world: 'guest' }), io)
  await expect(run).rejects.toThrow(
    'other/scenario.mjs: not in the current directory, whose files the guest has',
  )
})

test.each(['GuestSetupError', 'MachineEnded'])('a %s of an exploration is a line', async name => {
  fakes.explore.mockRejectedValue(Object.assign(new Error('no guest'), { name }))
  expect(await exploreCommand('labs/scenario.mjs', [], given({ world: 'guest' }), io)).toBe(1)
  expect(printed).toBe('vnet: no guest\n')
})
