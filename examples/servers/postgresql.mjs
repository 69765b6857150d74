// PostgreSQL (protocol 3.0): a query returns one row, and every password is right.
import net from 'node:net'
import { eachMessage, int16, int32, main } from './shared.mjs'

const [SSL, GSS, CANCEL] = [80877103, 80877104, 80877102]
const TEXT = int32(25)

const message = (type, text = '') => `${type}${int32(text.length + 4)}${text}`
const parameter = (name, value) => message('S', `${name}\0${value}\0`)
const welcome =
  message('R', int32(0)) +
  parameter('server_version', '15.0') +
  parameter('client_encoding', 'UTF8') +
  parameter('standard_conforming_strings', 'on') +
  message('K', int32(1) + int32(1))

// A column `version`, and its value.
const column = `version\0${int32(0)}${int16(0)}${TEXT}${int16(-1)}${int32(-1)}${int16(0)}`
const columns = message('T', int16(1) + column)
const row = message('D', `${int16(1)}${int32(15)}PostgreSQL 15.0`)

/** The status of a session after a statement: in a transaction, or idle. */
const STATUS = { BEGIN: 'T', START: 'T', COMMIT: 'I', ROLLBACK: 'I', END: 'I' }
const TAGS = { SELECT: 'SELECT 1', SHOW: 'SHOW', INSERT: 'INSERT 0 1' }

const verbOf = sql => /^\s*(\w*)/.exec(sql)[1].toUpperCase()
const hasRows = sql => ['SELECT', 'SHOW'].includes(verbOf(sql))
const describe = sql => (hasRows(sql) ? columns : message('n'))
const parametersOf = sql => new Set(sql.match(/\$\d+/g)).size

function execute(sql) {
  const verb = verbOf(sql)
  if (verb === '') return message('I')
  return (hasRows(sql) ? row : '') + message('C', `${TAGS[verb] ?? verb}\0`)
}

function talk(socket) {
  let isStarted = false
  let status = 'I'
  // The newest statement: it forgets older ones.
  let sql = ''
  const run = () => {
    status = STATUS[verbOf(sql)] ?? status
    return execute(sql)
  }
  const ready = () => message('Z', status)
  const replies = {
    Q: text => {
      sql = text.slice(0, -1)
      return (hasRows(sql) ? columns : '') + run() + ready()
    },
    P: text => {
      sql = text.split('\0')[1]
      return message('1')
    },
    B: () => message('2'),
    D: text => {
      const n = parametersOf(sql)
      return (text[0] === 'S' ? message('t', int16(n) + TEXT.repeat(n)) : '') + describe(sql)
    },
    E: run,
    C: () => message('3'),
    S: ready,
  }
  const start = code => {
    if (code === SSL || code === GSS) return 'N'
    isStarted = true
    return welcome + ready()
  }
  // The first message has no type.
  const lengthOf = bytes => {
    const at = isStarted ? 1 : 0
    return bytes.length < at + 4 ? Infinity : at + bytes.readInt32BE(at)
  }
  eachMessage(socket, lengthOf, bytes => {
    const [type, code] = [String.fromCharCode(bytes[0]), isStarted ? 0 : bytes.readInt32BE(4)]
    if (type === 'X' || code === CANCEL) return socket.end()
    const reply = isStarted ? replies[type]?.(bytes.toString('latin1', 5)) : start(code)
    socket.write(reply ?? '', 'latin1')
  })
}

export const serve = (port = 5432) => net.createServer(talk).listen(port)
main(import.meta, serve)
