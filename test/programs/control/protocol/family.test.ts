/**
 * docs/vnet_nl.yaml keeps the rules of the YNL format, and family.generated.ts is up to date.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import * as family from '#src/control/protocol/family.ts'
import { linkStats64Fields } from '#src/netdev/stats.ts'
import {
  decodeAttributes,
  encodeAttributes,
  MessageBuilder,
  NLMSG_HDRLEN,
} from '#src/netlink/index.ts'
import { complaints } from '#support/ynl-rules.ts'
import { formatted } from '../../../../scripts/formatted.mjs'
import { familySource, specificationOf } from '../../../../scripts/generate-family.mjs'

const textOf = (path: string) =>
  readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8')

/** Read once, and changed as JSON: reading YAML takes a hundred times longer. */
const specification = specificationOf(textOf('docs/vnet_nl.yaml'))
const presence = parse(textOf('src/control/protocol/presence.yaml'))

/** Returns a value with one text of its JSON replaced. */
function changed<T>(value: T, find: string, put: string): T {
  const json = JSON.stringify(value)
  expect(json).toContain(find)
  return JSON.parse(json.replace(find, put))
}

const device = {
  ifindex: 1,
  ifname: 'sn0',
  flags: 1,
  mtu: 1500,
  mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
  carrier: true,
  cut: false,
  txQueues: 1,
  rxQueues: 1,
}

test.each(Object.keys(device))('a reply about a device without %s is refused', missing => {
  const { reply } = family.commands.getDevices
  const builder = new MessageBuilder().message(1, 0, 0)
  encodeAttributes(builder, reply, { ...device, [missing]: undefined })
  expect(() => decodeAttributes(reply, builder.bytes, NLMSG_HDRLEN)).toThrow(
    `${missing}: is missing`,
  )
})

test('family.generated.ts is up to date', () => {
  const generated = textOf('src/control/protocol/family.generated.ts')
  expect(generated).toBe(formatted(familySource(specification, presence), 'family.ts'))
})

test('the specification keeps the rules of the YNL format', () => {
  expect(complaints(specification)).toEqual([])
})

test.each([
  ['"name":"vnet_nl"', '"nam":"vnet_nl"', ['unknown key nam', 'name is missing']],
  ['"type":"u32"', '"type":"u33"', ['attribute-sets vnet ifindex: unknown type u33']],
  [
    '"name":"held"',
    '"name":"requeues"',
    expect.arrayContaining(['attribute-sets vnet: requeues twice']),
  ],
  [
    '"nested-attributes":"drop"',
    '"nested-attributes":"drips"',
    ['attribute-sets vnet drops: there is no set drips'],
  ],
  [
    '"enum":"direction"',
    '"enum":"directions"',
    ['attribute-sets part direction: there is no enum directions'],
  ],
  [
    '"name":"mtu"',
    '"name":"mtu","value":3',
    expect.arrayContaining(['attribute-sets vnet: number 3 twice']),
  ],
  [
    '"max-len":"netns-max"',
    '"max-len":"netns-mix"',
    ['attribute-sets vnet netns: there is no constant netns-mix'],
  ],
  ['"max-len":"netns-max"', '"most":5', ['attribute-sets vnet netns checks: unknown key most']],
  ['"attributes":["text"]', '"attributes":["txt"]', ['operations echo: there is no attribute txt']],
  ['"mcgrp":"events"', '"mcgrp":"event"', ['operations event: there is no group event']],
  [
    '"doc":"Returns a text byte for byte."',
    '"note":"x"',
    ['operations echo: unknown key note', 'operations echo: doc is missing'],
  ],
  ['"flags":["admin-perm"]', '"flags":["root"]', ['operations reset-stats: unknown flag root']],
  [
    '"name":"ioctl-cmd"',
    '"name":"ioctl_cmd"',
    expect.arrayContaining(['attribute-sets vnet: ioctl_cmd is no name']),
  ],
])('a rule of the YNL format notices %j replaced by %j', (find, put, told) => {
  expect(complaints(changed(specification, find, put))).toEqual(told)
})

test.each([
  ['"type":"flag"', '"type":"pad"', 'param-live: the codec has no type pad'],
  ['"type":"u32"', '"type":"u32","checks":{"max":5}', 'ifindex: max is not kept'],
  ['"attributes":["text"]', '"attributes":["txt"]', 'echo: there is no attribute txt in echo'],
  ['"max-len":"netns-max"', '"max-len":"netns-mix"', 'netns-mix: there is no such constant'],
])(
  'the generator refuses values that the codec cannot keep: %j replaced by %j',
  (find, put, message) => {
    expect(() => familySource(changed(specification, find, put), presence)).toThrow(message)
  },
)

test.each([
  ['"gc":{', '"gx":{', 'presence of gx: there is no such set or command'],
  [
    '["param-name","param-value"]',
    '["param-name","param-values"]',
    'presence of set-param: there is no attribute param-values',
  ],
  ['["loop-delay"]', '["loop-delays"]', 'presence of runtime: there is no attribute loop-delays'],
  ['{"gc":[]}', '{"gcs":[]}', 'presence of runtime: there is no attribute gcs'],
])(
  'the generator refuses a presence of unknown attributes: %j replaced by %j',
  (find, put, message) => {
    expect(() => familySource(specification, changed(presence, find, put))).toThrow(message)
  },
)

test('the statistics are the counters of netdev/stats.ts in their order', () => {
  const { fields } = family.linkStatsPolicy
  expect(Object.entries(fields).map(([name, { type }]) => [name, type])).toEqual(
    linkStats64Fields.map((name, i) => [name, i + 1]),
  )
})

describe('the numbers that programs are built with', () => {
  test('commands keep their numbers', () => {
    const numbers = Object.values(family.commands).map(({ name, cmd }) => [name, cmd])
    const [before, after] = [
      [
        'ECHO',
        'GET_DEVICES',
        'GET_STATS',
        'RESET_STATS',
        'SET_CARRIER',
        'GET_PARAM',
        'SET_PARAM',
        'TRIGGER',
      ],
      ['IOCTL', 'SUBSCRIBE', 'EVENT'],
    ]
    expect(numbers).toEqual([
      ...[...before!, ...after!].map((name, i) => [name, i + 1]),
      ['GET_SEGMENT', 13],
      ['CUT', 14],
      ['PLUG', 15],
      ['GET_WIRE', 16],
      ['SET_WIRE', 17],
      ['CAPTURE', 18],
      ['INJECT', 19],
      ['GET_PARTS', 20],
      ['STEP', 21],
      ['GET_RUNTIME', 22],
      ['GET_SCENARIO', 23],
      ['GET_MISTAKES', 24],
    ])
  })

  test('attributes keep their numbers', () => {
    const { groMerged, paramName, carrier, ioctlCmd, event, dropped, driver, time } =
      family.vnetAttributes
    expect([groMerged, paramName, carrier, ioctlCmd].map(({ type }) => type)).toEqual([
      14, 15, 21, 23,
    ])
    expect([event, dropped, driver, time].map(({ type }) => type)).toEqual([28, 31, 35, 46])
    expect(family.echoAttributes.text.type).toBe(1)
  })

  test('name, version, events and flags keep their values', () => {
    expect([family.VNET_GENL_NAME, family.VNET_GENL_VERSION]).toEqual(['vnet_nl', 1])
    expect([family.VNET_GENL_ID, family.VNET_MCGRP_EVENTS]).toEqual([0x3f0, 0x766e6574])
    expect([
      family.eventNumbers.registered,
      family.eventNumbers.drops,
      family.VNET_EVENTS_ALL,
    ]).toEqual([1, 6, 0x1ffe])
    expect([family.directionNumbers.tx, family.directionNumbers.rx]).toEqual([0, 1])
    expect([family.scopeNumbers.queue, family.scopeNumbers.own]).toEqual([1, 2])
  })
})
