/** CQL's protocol, version 4, with one node and a table of products. */
import { messageServer } from './listening.mjs'

const [READY, OPTIONS, SUPPORTED, QUERY, RESULT] = [2, 5, 6, 7, 8]
const ROWS = 2
const [INT, TEXT] = [9, 13]
const int16 = value => Buffer.from([value >> 8, value])
const int32 = value => Buffer.concat([int16(value >> 16), int16(value)])
const string = text => Buffer.concat([int16(text.length), Buffer.from(text)])

/** A result with one row, or none. */
function rows(row) {
  const columns = Object.entries(row ?? {}).map(([name, value]) => {
    const isNumber = typeof value === 'number'
    const cell = isNumber ? int32(value) : Buffer.from(value)
    return { head: [string(name), int16(isNumber ? INT : TEXT)], cell: [int32(cell.length), cell] }
  })
  const heads = [int32(ROWS), int32(1), int32(columns.length), string('space'), string('table')]
  const cells = [int32(row === undefined ? 0 : 1), ...columns.flatMap(({ cell }) => cell)]
  return Buffer.concat([...heads, ...columns.flatMap(({ head }) => head), ...cells])
}

const LOCAL = {
  data_center: 'center',
  rack: 'rack',
  release_version: '4.0.0',
  partitioner: 'org.apache.cassandra.dht.Murmur3Partitioner',
}
function resultOf(query) {
  if (query.includes('system.local')) return rows(LOCAL)
  const factors = /a = (\d+) and b = (\d+)/.exec(query)
  return factors === null ? rows() : rows({ product: factors[1] * factors[2] })
}

const answers = {
  [OPTIONS]: () => [SUPPORTED, int16(0)],
  [QUERY]: body => [RESULT, resultOf(body.toString('latin1'))],
}
function answerTo(frame) {
  const [opcode, body] = answers[frame[4]]?.(frame.subarray(9)) ?? [READY, Buffer.alloc(0)]
  return Buffer.concat([Buffer.of(0x84, 0, frame[2], frame[3], opcode), int32(body.length), body])
}

const lengthOf = bytes => (bytes.length < 9 ? 9 : 9 + bytes.readUInt32BE(5))
export const cassandraServer = () => messageServer(9042, lengthOf, answerTo)
