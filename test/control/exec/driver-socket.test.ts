/** How a question to a vnet ends: by its answer, by its silence, or because it is not there. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { DriverSockets } from '../../../src/control/exec/driver-socket.ts'
import { UserSocket } from '../../../src/control/socket.ts'
import { ECONNREFUSED, ETIMEDOUT } from '../../../src/core/errno.ts'
import type { Native } from '../../../src/kernel/native.ts'
import { MemoryNetlink } from '../../support/memory-netlink.ts'

const PORT = 5
const QUESTION = Uint8Array.of(1)
const ANSWER = Uint8Array.of(2)

let native: Native
let sockets: DriverSockets
let opened: number
/** The driver's end: the ports that asked it, the first one first. */
let driver: UserSocket
let asked: number[]

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
  const memory = new MemoryNetlink().native
  let now = 0
  opened = 0
  const socket: Native['socket'] = (...args) => {
    opened++
    return memory.socket(...args)
  }
  native = { ...memory, socket, monotonic: () => (now += 1e6) }
  sockets = new DriverSockets()
  asked = []
  driver = UserSocket.open(memory, [PORT], (bytes, length, sender) => {
    if (length === QUESTION.length && bytes[0] === QUESTION[0]) asked.push(sender)
  })
})
afterEach(() => {
  sockets.close()
  driver.close()
  vi.useRealTimers()
})

/** Asks; what has been heard since, the end last. */
function ask(): number[] {
  const heard: number[] = []
  sockets.ask(native, {
    port: PORT,
    octets: QUESTION,
    asker: undefined,
    onDatagram: bytes => heard.push(bytes[0]!) > 0,
    onEnd: result => void heard.push(result),
  })
  return heard
}

const turn = () => new Promise(resolve => setImmediate(() => setImmediate(resolve)))

test('an answer ends it, and no timer is left', async () => {
  const heard = ask()
  await turn()
  driver.send(asked[0]!, ANSWER)
  await turn()
  expect([heard, vi.getTimerCount()]).toEqual([[2, 0], 0])
})

test('what others send to its port is passed over', async () => {
  const heard = ask()
  await turn()
  const stranger = UserSocket.open(native, [77], () => {})
  stranger.send(asked[0]!, ANSWER)
  await turn()
  stranger.close()
  expect(heard).toEqual([])
})

test('a vnet that is silent is ETIMEDOUT after five seconds, and its late answer is nobody’s', async () => {
  const heard = ask()
  await turn()
  vi.advanceTimersByTime(5000)
  expect(heard).toEqual([])
  vi.advanceTimersByTime(100)
  expect(heard).toEqual([-ETIMEDOUT])
  const next = ask()
  await turn()
  driver.send(asked[0]!, ANSWER)
  await turn()
  expect([next, asked[0] === asked[1]]).toEqual([[], false])
})

test('a vnet that ends is ECONNREFUSED soon, but not where it has answered', async () => {
  const heard = ask()
  const answered = ask()
  await turn()
  // The answer is there before anybody has looked for it.
  driver.send(asked[1]!, ANSWER)
  driver.close()
  vi.advanceTimersByTime(100)
  expect([heard, answered]).toEqual([[-ECONNREFUSED], [2, 0]])
  expect(ask()).toEqual([-ECONNREFUSED])
})

test('a socket is used again, and of many at once sixteen are kept', async () => {
  for (let round = 0; round < 2; round++) {
    const all = Array.from({ length: 20 }, ask)
    await turn()
    for (const port of asked.splice(0)) driver.send(port, ANSWER)
    await turn()
    expect(all).toEqual(Array(20).fill([2, 0]))
  }
  expect(opened).toBe(24)
})
