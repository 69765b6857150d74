/** The servers of examples/servers with binary protocols, by the bytes that a client gets. */
import { expect, test } from 'vitest'
import { serve as serveAmqp } from '../../../../examples/servers/amqp.mjs'
import { serve as serveMqtt } from '../../../../examples/servers/mqtt.mjs'
import { serve as serveMysql } from '../../../../examples/servers/mysql.mjs'
import { serve as servePostgresql } from '../../../../examples/servers/postgresql.mjs'
import { exampleServers, int16, int32 } from '../support/example-servers.ts'

const { repliesTo } = exampleServers()

/** Returns a message of PostgreSQL. */
const message = (type: string, body = '') => `${type}${int32(body.length + 4)}${body}`

test('postgresql returns a row for a query, plain or prepared, and keeps the status', async () => {
  const startup = `${int32(196_608)}user\0me\0\0`
  const queries = [
    message('Q', 'select version()\0'),
    message('Q', 'BEGIN\0'),
    message('P', 'name\0select $1, $2, $1\0\0\0'),
    message('D', 'Sname\0'),
    message('B', '\0name\0\0\0\0\0\0\0'),
    message('E', '\0\0\0\0\0'),
    message('S'),
    message('P', '\0insert into t values (1)\0\0\0'),
    message('D', 'P\0'),
    message('E', '\0\0\0\0\0'),
    message('Q', 'commit\0'),
    message('Q', ' \0'),
    message('X'),
  ]
  const ssl = int32(8) + int32(80_877_103)
  const text = ssl + int32(startup.length + 4) + startup + queries.join('')
  const type = `${int32(25)}${int16(-1)}${int32(-1)}`
  const column = message('T', `\0\x01version\0${int32(0)}${int16(0)}${type}${int16(0)}`)
  const row = message('D', `\0\x01${int32(15)}PostgreSQL 15.0`) + message('C', 'SELECT 1\0')
  const done = (tag: string, status: string) => message('C', `${tag}\0`) + message('Z', status)
  const replies = await repliesTo(servePostgresql, text)
  const end = replies.indexOf(message('Z', 'I'))
  expect(replies.slice(0, end)).toBe(
    `N${message('R', int32(0))}${message('S', 'server_version\x0015.0\0')}` +
      message('S', 'client_encoding\0UTF8\0') +
      message('S', 'standard_conforming_strings\0on\0') +
      message('K', int32(1) + int32(1)),
  )
  expect(replies.slice(end)).toBe(
    message('Z', 'I') +
      column +
      row +
      message('Z', 'I') +
      done('BEGIN', 'T') +
      message('1') +
      message('t', int16(2) + int32(25).repeat(2)) +
      column +
      message('2') +
      row +
      message('Z', 'T') +
      message('1') +
      message('n') +
      message('C', 'INSERT 0 1\0') +
      done('COMMIT', 'I') +
      message('I') +
      message('Z', 'I'),
  )
})

/** Returns a packet of MySQL with its number. */
const packet = (number: number, body: string) =>
  String.fromCharCode(body.length, 0, 0, number) + body

test('mysql greets, accepts each user, and returns a row for a query', async () => {
  const commands = ['\x03select 1', '\x03set names utf8', '\x0e', '\x16select ?', '\x01']
  const text = packet(1, 'any login') + commands.map(each => packet(0, each)).join('')
  const replies = await repliesTo(serveMysql, text)
  const ok = '\0\0\0\x02\0\0\0'
  const end = '\xfe\0\0\x02\0'
  const greeting = packet(
    0,
    '\x0a8.0.0\0\x01\0\0\0password\0\x0d\xa2\x21\x02\0\x08\0\x15' +
      `${'\0'.repeat(10)}of 20 bytes.\0mysql_native_password\0`,
  )
  const column = '\x03def\0\0\0\x07version\0\x0c\x21\0\xff\0\0\0\xfd\0\0\0\0\0'
  const rows = ['\x01', column, end, '\x058.0.0', end].map((body, i) => packet(i + 1, body))
  const error = packet(1, '\xff\x17\x04#HY000unknown command')
  expect(replies).toBe(
    greeting + packet(2, ok) + rows.join('') + packet(1, ok) + packet(1, ok) + error,
  )
})

const short = (text: string) => String.fromCharCode(text.length) + text
const frame = (type: number, channel: number, payload: string) =>
  `${String.fromCharCode(type)}${int16(channel)}${int32(payload.length)}${payload}\xce`
/** Returns a method of AMQP on a channel. */
const method = (channel: number, group: number, number: number, args = '') =>
  frame(1, channel, int16(group) + int16(number) + args)

const CONNECT = `AMQP\0\0\x09\x01${method(0, 10, 11)}${method(0, 10, 31)}${method(0, 10, 40)}`
const CONNECTED =
  method(0, 10, 10, `\0\x09${int32(0)}${int32(5)}PLAIN${int32(5)}en_US`) +
  method(0, 10, 30, int16(0) + int32(131_072) + int16(0)) +
  method(0, 10, 41, '\0')
/** The rest of a message of 11 bytes after its method. */
const HELLO =
  frame(2, 1, int16(60) + int16(0) + int32(0) + int32(11) + int16(0)) +
  frame(3, 1, 'hello ') +
  frame(3, 1, 'world')
const publish = method(1, 60, 40, `\0\0\0${short('queue')}\0`) + HELLO

test('amqp confirms a message, keeps it, and returns it once', async () => {
  const get = method(1, 60, 70, `\0\0${short('queue')}\0`)
  const declare = method(1, 50, 10, `\0\0${short('queue')}\0${int32(0)}`)
  const requests = [method(1, 20, 10, '\0'), method(1, 85, 10, '\0'), declare, publish, get, get]
  const ends = [method(1, 20, 40, 'any'), method(0, 10, 50, 'any')]
  const tag = int32(0) + int32(1)
  expect(await repliesTo(serveAmqp, [CONNECT, ...requests, ...ends].join(''))).toBe(
    CONNECTED +
      method(1, 20, 11, int32(0)) +
      method(1, 85, 11) +
      method(1, 50, 11, short('queue') + int32(0) + int32(0)) +
      method(1, 60, 80, `${tag}\0`) +
      method(1, 60, 71, `${tag}\0\0${short('queue')}${int32(0)}`) +
      HELLO +
      method(1, 60, 72, '\0') +
      method(1, 20, 41) +
      method(0, 10, 51),
  )
})

test('amqp hands messages to a consumer until it is cancelled', async () => {
  const open = method(1, 20, 10, '\0')
  const consume = method(1, 60, 20, `\0\0${short('queue')}\0\0${int32(0)}`)
  const cancel = method(1, 60, 30, short('consumer-1'))
  const text = [CONNECT, open, publish, consume, publish, cancel, publish].join('')
  const delivery = (n: number) =>
    method(1, 60, 60, `${short('consumer-1')}${int32(0)}${int32(n)}\0\0${short('queue')}`) + HELLO
  expect(await repliesTo(serveAmqp, text)).toBe(
    CONNECTED +
      method(1, 20, 11, int32(0)) +
      method(1, 60, 21, short('consumer-1')) +
      delivery(1) +
      delivery(2) +
      method(1, 60, 31, short('consumer-1')),
  )
})

/** Returns a packet of MQTT. */
const mqtt = (first: number, body: string) =>
  (body.length < 128
    ? String.fromCharCode(first, body.length)
    : String.fromCharCode(first, (body.length & 127) | 128, body.length >> 7)) + body
const topic = (text: string) => int16(text.length) + text

test('mqtt acknowledges messages of each QoS, and passes them on to subscribers', async () => {
  const long = 'x'.repeat(300)
  const text = [
    mqtt(0x10, `${topic('MQTT')}\x04\x02\0\0\0\0`),
    mqtt(0x82, `\0\x01${topic('a/+')}\x01${topic('b/#')}\0`),
    mqtt(0x30, `${topic('a/b')}${long}`),
    mqtt(0x32, `${topic('a/b/c')}\0\x02one`),
    mqtt(0x34, `${topic('b')}\0\x03two`),
    mqtt(0x62, '\0\x03'),
    mqtt(0xa2, `\0\x04${topic('b/#')}`),
    mqtt(0x30, `${topic('b/c')}none`),
    mqtt(0xc0, ''),
    mqtt(0xe0, ''),
  ]
  expect(await repliesTo(serveMqtt, text.join(''))).toBe(
    mqtt(0x20, '\0\0') +
      mqtt(0x90, '\0\x01\0\0') +
      mqtt(0x30, `${topic('a/b')}${long}`) +
      mqtt(0x40, '\0\x02') +
      mqtt(0x30, `${topic('b')}two`) +
      mqtt(0x50, '\0\x03') +
      mqtt(0x70, '\0\x03') +
      mqtt(0xb0, '\0\x04') +
      mqtt(0xd0, ''),
  )
})
