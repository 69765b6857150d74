/** What another thread replies with while the thread of a vnet does not return. */
import { expect, test } from 'vitest'
import { vnetFamily } from '#src/control/operations/vnet-family.ts'
import { commands } from '#src/control/protocol/family.ts'
import { publish, Snapshot } from '#src/control/server/snapshot.ts'
import { messages, parseGenl } from '#src/netlink/index.ts'
import { addDevice, freshNet, turn } from '#support/memory-net.ts'

const memory = freshNet()
const vnet = () =>
  vnetFamily({ devices: memory.net.devices, now: () => 0, netnsOf: () => undefined })

/** The commands of the messages. */
const commandsOf = (bytes: Uint8Array) =>
  [...messages(bytes)].map(message => parseGenl(bytes, message).cmd)

test('a snapshot has the replies about each device, and takes several beats if they take long', async () => {
  for (const name of ['one', 'two']) {
    await addDevice(memory, {}, { name })
  }
  // A beat ends after the first message.
  let now = 0
  const clock = {
    now() {
      now += 1_000_000
      return now
    },
  }
  const snapshot = new Snapshot(vnet(), clock as never)
  let beats = 0
  let bytes: Uint8Array | undefined
  while (bytes === undefined) {
    bytes = snapshot.next()
    beats++
  }
  const { getDevices, getStats } = commands
  const found = commandsOf(bytes)
  expect(found.filter(cmd => cmd === getDevices.cmd)).toHaveLength(2)
  expect(found.filter(cmd => cmd === getStats.cmd).length).toBeGreaterThanOrEqual(2)
  expect(beats).toBe(found.length + 1)
})

test('a snapshot is made at the start and when a device is registered, until the end', async () => {
  let [made, beats] = [0, 0]
  let next: () => Uint8Array | undefined = () => undefined
  const deputy = {
    serve(_: number, given: () => Uint8Array | undefined) {
      next = given
      return () => {
        made++
        return next() !== undefined
      }
    },
  }
  const end = publish(deputy, 0, memory.net, vnet(), () => beats++)
  await turn()
  expect([made, beats]).toEqual([1, 1])
  await addDevice(memory, {}, { name: 'one' })
  await turn()
  expect(made).toBe(2)
  end()
  expect(next()).toBeUndefined()
})
