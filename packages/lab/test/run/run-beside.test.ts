/** Two `vnet run` beside each other: commands of a second terminal show and change one of them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { recordsIn } from '#support/capture-records.ts'
import { type Child, outcome } from '#support/netns.ts'
import { ended } from '#support/ordinary-user.ts'
import { SERVER_ADDRESS, standInInternet } from '../support/internet.ts'

const { machine, directory, vnet } = standInInternet()

let runs: readonly Child[]
/** The names of the runs. */
let one: string
let other: string

/** Starts a command of vnet as the user. */
function started(command: string, ...rest: readonly string[]): Child {
  const [program = '', ...args] = [...vnet(command), ...rest]
  return spawn(program, args, { stdio: 'pipe' })
}

/** Runs a command of vnet as the user, in another terminal. */
function second(command: string, ...rest: readonly string[]) {
  const { status, stdout, stderr } = ended([...vnet(command), ...rest])
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
}

/** Runs a shell command in the host of a run. */
const inside = (name: string, text: string) =>
  second('lab', 'exec', name, '--', 'sh', '-c', text).trim()
const ping = `ping -qc1 ${SERVER_ADDRESS}`
const CARRIER = 'cat /sys/class/net/internet/carrier'
const roundTrip = (name: string) => Number(/= ([\d.]+)\//.exec(inside(name, ping))?.[1])

beforeEach(async () => {
  runs = [0, 1].map(() => started('run', '--quiet', '--', 'sh', '-c', 'echo; exec cat'))
  await Promise.all(runs.map(({ stdout }) => once(stdout, 'data')))
  ;[one, other] = runs.map(({ pid }) => `run:${pid}`) as [string, string]
  // The names appear some time after the start.
  await expect
    .poll(() => [one, other].filter(name => second('list').includes(name)))
    .toEqual([one, other])
})
afterEach(async () => {
  const closed = runs.map(run => once(run, 'close'))
  for (const { stdin } of runs) {
    stdin.end()
  }
  await Promise.all(closed)
})

test('vnet list has the interfaces of each command and of its router', () => {
  const list = second('list')
  for (const { pid } of runs) {
    expect(list).toMatch(new RegExp(`run:${pid}\\b`))
    expect(list).toMatch(new RegExp(`run:internet/${pid}\\b`))
  }
  const labs = second('lab', 'list')
  for (const { pid } of runs) {
    expect(labs).toContain(`${pid} internet`)
  }
})

test('vnet lab exec runs a program past the wire of one', () => {
  expect(inside(one, ping)).toContain('1 received')
})

test('vnet wire changes and prints the wire of one', () => {
  second('wire', one, 'delay 60ms')
  expect(second('wire', one)).toContain('delay 60ms')
  expect(second('wire', other)).not.toContain('delay 60ms')
  expect(roundTrip(one)).toBeGreaterThan(60)
  expect(roundTrip(other)).toBeLessThan(60)
})

test('vnet cut takes the carrier of one, and vnet plug returns it', () => {
  second('cut', one)
  expect([one, other].map(name => inside(name, CARRIER))).toEqual(['0', '1'])
  second('plug', one)
  expect([one, other].map(name => inside(name, CARRIER))).toEqual(['1', '1'])
  expect(inside(one, ping)).toContain('1 received')
})

test('vnet stats counts the packets of one', () => {
  const sent = (name: string) => Number(/tx_packets +(\d+)/.exec(second('stats', name))?.[1])
  const before = [one, other].map(sent) as [number, number]
  inside(one, `ping -qc50 -i0.01 ${SERVER_ADDRESS}`)
  const after = [one, other].map(sent) as [number, number]
  expect(after[0] - before[0]).toBeGreaterThanOrEqual(50)
  expect(after[1] - before[1]).toBeLessThan(50)
})

test('vnet capture records the packets of one', async () => {
  const file = join(directory, 'one.pcapng')
  const capture = started('capture', '--filter', 'icmp', one, file)
  await once(capture.stderr, 'data')
  for (const name of [one, other]) {
    inside(name, ping)
  }
  capture.kill('SIGINT')
  expect(await outcome(capture)).toMatchObject({ status: 0, stderr: '2 frames captured, 0 lost\n' })
  expect([...recordsIn(file)].length).toBe(2)
})

test('vnet web shows both', async () => {
  const web = started('web', '127.0.0.1:0', one, other)
  const [line] = await once(web.stdout, 'data')
  const [, at, token] = /(http:\S+)\/#token=(\S+)/.exec(String(line)) ?? []
  const metrics = async () => (await machine.run(`curl -sS ${at}/metrics?token=${token}`)).stdout
  // A vnet serves clients without rights when a CPU is idle; until then it is not up.
  for (const { pid } of runs) {
    await expect.poll(metrics).toContain(`device="internet",netns="run:${pid}"`)
  }
  web.kill()
  await once(web, 'close')
})
