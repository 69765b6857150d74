/** The live checks of each exercise alone, on the solutions of all other exercises and a mirror. */
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { COURSE } from '../../src/folder.ts'
import { expectFailedLive } from '../support/other-drivers.ts'

const exercises = readdirSync(COURSE).filter(name => /^\d\d-/.test(name))

const MIRRORS = 'it is a mirror, too, and later'
const DELAYS = 'it is a mirror with a delay and a ring, too, and later'
const ORDERED = 'its two interfaces have a delay and keep the order, too, and it is later'
const CARDS = 'a mirror is at the end of its card’s cable, it interrupts, too, and it is later'
const RINGS = 'it has this ring, too, and is later'
const HOST = 'its host has this part, too, and is later'

/** The other drivers that may pass the live checks of an exercise, and why. */
const MAY_PASS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '01-drop': { '07-ioctl': 'it drops every frame, too, and counts them' },
  '02-mirror': {
    mirror: 'the checks in memory look at the frames that it must drop',
    '03-ring': MIRRORS,
    '04-interrupt': MIRRORS,
    '05-napi': MIRRORS,
    '06-timeout': MIRRORS,
    '08-multiqueue': MIRRORS,
    '09-offloads': MIRRORS,
    '11-statistics': MIRRORS,
    '13-two-cpus': MIRRORS,
    '14-to-the-kernel': MIRRORS,
    '15-broken': MIRRORS,
    '23-tx-ring': CARDS,
    '24-rx-ring': CARDS,
    '25-trouble': CARDS,
  },
  '03-ring': {
    '04-interrupt': DELAYS,
    '05-napi': DELAYS,
    '06-timeout': DELAYS,
    '08-multiqueue': DELAYS,
    '13-two-cpus': DELAYS,
    '14-to-the-kernel': DELAYS,
    '15-broken': DELAYS,
  },
  '04-interrupt': {
    '05-napi': 'its board interrupts, too',
    '23-tx-ring': CARDS,
    '24-rx-ring': CARDS,
    '25-trouble': CARDS,
  },
  '05-napi': { '23-tx-ring': CARDS, '24-rx-ring': CARDS, '25-trouble': CARDS },
  '15-broken': { '23-tx-ring': CARDS, '24-rx-ring': CARDS, '25-trouble': CARDS },
  '19-arp': { '20-ping': HOST, '21-udp': HOST },
  '20-ping': { '21-udp': HOST },
  '23-tx-ring': { '24-rx-ring': RINGS, '25-trouble': RINGS },
  '24-rx-ring': { '25-trouble': RINGS },
  '16-order': { '17-release': ORDERED, '18-silent': ORDERED },
}

const others = exercises.flatMap(name =>
  ['mirror', ...exercises]
    .filter(other => other !== name && MAY_PASS[name]?.[other] === undefined)
    .map(other => ({ name, other })),
)

test.concurrent.each(others)(
  'the live checks of $name alone fail the driver of $other',
  ({ name, other }) => expectFailedLive(name, other),
)

test('a driver that may pass the checks of another exercise is of a later one, or a mirror', () => {
  const pairs = Object.entries(MAY_PASS).flatMap(([name, others]) =>
    Object.keys(others).map(other => [name, other]),
  )
  expect(pairs.filter(([name = '', other = '']) => other !== 'mirror' && other <= name)).toEqual([])
})
