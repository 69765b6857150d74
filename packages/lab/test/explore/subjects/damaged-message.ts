import assert from 'node:assert/strict'
import { repeat, seal, sockets, unseal } from '../datagrams.ts'
import { DATAGRAMS, PORT, type Scenario, type SubjectFaults, within } from '../subject.ts'

export const bug =
  'the server relies on the checksum of UDP, which is right for a message changed on its path'

export const options = DATAGRAMS

/** The two bytes are complements, two places apart: inverted, they have the same sum (RFC 1071). */
export const faults: SubjectFaults = [
  [
    {
      direction: 'ab',
      wire: "match 'udp dst port 7 and udp[8] = 1' ( corrupt at 47 | corrupt at 49 )",
    },
  ],
]

/** The third byte of each four is the complement of the first. */
const FIRMWARE = Buffer.from(Array.from({ length: 256 }, (_, i) => (i & 2 ? 255 - (i - 2) : i)))

const scenario =
  (checksMessages: boolean): Scenario =>
  async ({ lab }) => {
    const { client, server } = await sockets(lab)
    let stored: Buffer | undefined
    // The first byte numbers the transmissions.
    server.on('message', (datagram, { port, address }) => {
      const content = checksMessages ? unseal(datagram.subarray(1)) : datagram.subarray(1)
      if (content === undefined) return
      stored ??= content
      server.send(seal(Buffer.from('stored')), port, address, () => {})
    })
    const acknowledged = new Promise<void>(resolve => {
      client.on('message', datagram => unseal(datagram) !== undefined && resolve())
    })
    const sent = checksMessages ? seal(FIRMWARE) : FIRMWARE
    let transmission = 0
    using _ = repeat(client, () =>
      client.send([Buffer.from([++transmission]), sent], PORT, 'server'),
    )
    await within(acknowledged, 'the server has not stored the firmware')

    assert.deepEqual(stored, FIRMWARE)
  }

export const broken = scenario(false)
export const fixed = scenario(true)
