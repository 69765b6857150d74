/** vnet simulate, in this process: no root, no devices. simulate.slow.test.ts has more cases. */
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { FLAG_INBOUND, FLAG_OUTBOUND } from '#src/capture/packet.ts'
import { LITTLE } from '#support/capture-bytes.ts'
import { runMain } from '#support/run-main.ts'
import { plainFrame } from '#support/wire.ts'
import { ipPacket, packet, packetsOf, simulations, stagesOf } from './simulated.ts'

const { at, pcap, pcapng, simulate, withDrops, scenario, stageFile } = simulations()

describe('a capture', () => {
  test('simulate prints the effects of each stage on a capture, like vnet wire', async () => {
    const file = pcap(
      'a.pcap',
      [0, 1, 2, 3].map(ms => packet(ms)),
    )
    expect(await simulate(file, '--wire-ab', 'loss every 2 delay 20ms')).toBe(
      [
        `${file} ab: loss every 2 delay 20ms`,
        `${file} ba: off`,
        '            in  out  held  dropped',
        '  ab loss    4    2     0        2',
        '  ab delay   2    2     0        0',
        '  ab loss dropped: loss 2',
        '',
      ].join('\n'),
    )
  })

  test('--out has the frames with the times at which they leave, in the order of time', async () => {
    const file = pcapng('b.pcapng', [packet(0), packet(1, { interfaceIndex: 1 }), packet(30)])
    await simulate(file, '--wire-ab', 'delay 20ms', '--wire-ba', 'delay 50ms', '--out', at('b.out'))
    const frame = [...packet(0).bytes]
    expect(packetsOf(at('b.out'))).toEqual([
      { ms: 20, interfaceIndex: 0, originalLength: 100, frame },
      { ms: 50, interfaceIndex: 0, originalLength: 100, frame },
      { ms: 51, interfaceIndex: 1, originalLength: 100, frame },
    ])
  })

  test("a frame's direction comes from its own flags, or else from its interface", async () => {
    const packets = [
      packet(0),
      packet(1, { interfaceIndex: 1 }),
      packet(2, { flags: FLAG_INBOUND }),
      packet(3, { interfaceIndex: 1, flags: FLAG_OUTBOUND }),
      packet(4, { interfaceIndex: 1, flags: FLAG_INBOUND }),
      packet(5, { flags: FLAG_INBOUND }),
    ]
    const stages = stagesOf(
      await simulate(pcapng('c.pcapng', packets), '--wire', 'loss 0%', '--json'),
    )
    expect(stages).toMatchObject([
      { event: 'wire', stage: 'loss', direction: 'ab', in: 2, out: 2 },
      { event: 'wire', stage: 'loss', direction: 'ba', in: 4, out: 4 },
    ])
  })

  test('a packet of a capture of vnet arrives once, as the interface sent it', async () => {
    const [sent, received, ID] = [{ flags: FLAG_OUTBOUND }, { flags: FLAG_INBOUND }, 2 ** 40]
    const [a, b] = [
      { ...sent, interfaceIndex: 0 },
      { ...sent, interfaceIndex: 2 },
    ]
    const packets = [
      packet(0, { ...a, packetId: 1 }),
      packet(0, { ...a, packetId: 1, verdict: 2, verdictType: 1 }),
      packet(1, { ...b, packetId: 2 * ID + 1 }),
      packet(2, { ...received, interfaceIndex: 1, packetId: 2 * ID + 1 }),
      packet(3, { ...a, packetId: 2 }),
      packet(4, { ...received, interfaceIndex: 3, packetId: 2 }),
      packet(5, { ...a, packetId: 3 }),
      // An ICMP error that the wire made.
      packet(5, { ...received, interfaceIndex: 1, packetId: 2 * ID + 2 ** 39 + 1 }),
      // A frame that was dropped in front of the wire.
      packet(6, { ...a, packetId: 2 ** 39 + 2 ** 30 + 1 }),
      packet(6, { ...a, packetId: 2 ** 39 + 2 ** 30 + 1, verdict: 2, verdictType: 1 }),
    ]
    const file = pcapng('own.pcapng', packets)
    const { status, stdout, stderr } = await runMain(
      'simulate',
      file,
      '--wire',
      'loss 0%',
      '--json',
    )
    expect(stagesOf(stdout)).toMatchObject([
      { direction: 'ab', in: 3 },
      { direction: 'ba', in: 1 },
    ])
    const left =
      '6 frames were left out: the capture says that a wire delivered or dropped them, or that they reached no wire'
    expect([status, stderr]).toEqual([0, `vnet: ${file}: ${left}\n`])
  })

  test('frames of a segment, which a vnet captured only as received, are of direction ba', async () => {
    const packets = [
      packet(0, { flags: FLAG_OUTBOUND, packetId: 1 }),
      packet(1, { flags: FLAG_INBOUND, interfaceIndex: 1, packetId: 2 ** 40 + 1 }),
    ]
    const stages = stagesOf(
      await simulate(pcapng('lan.pcapng', packets), '--wire', 'loss 0%', '--json'),
    )
    expect(stages).toMatchObject([
      { direction: 'ab', in: 1 },
      { direction: 'ba', in: 1 },
    ])
  })

  test('a frame has its original length, and --out has its captured bytes', async () => {
    const cut = packet(0, { capturedLength: 40, originalLength: 1500 })
    // 1,500 bytes take 12 ms at 1 Mbit/s, 100 take 0.8 ms.
    await simulate(pcap('d.pcap', [cut, packet(0)]), '--wire', 'rate 1mbit', '--out', at('d.out'))
    expect(
      packetsOf(at('d.out')).map(({ ms, originalLength, frame }) => [
        ms,
        originalLength,
        frame.length,
      ]),
    ).toEqual([
      [12, 1500, 40],
      [12.8, 1500 - 1400, 100],
    ])
  })

  test('a frame with an earlier time than the previous one arrives together with it', async () => {
    await simulate(
      pcap('e.pcap', [packet(0), packet(9), packet(3)]),
      '--wire',
      'delay 1ms',
      '--out',
      at('e.out'),
    )
    expect(packetsOf(at('e.out')).map(({ ms }) => ms)).toEqual([1, 10, 10])
  })

  test('a capture of vnet is simulated with the seed of its comments, unless --seed is given', async () => {
    const drop = 'wire ab, stage 1 loss 5% (seed 3002, packet 13)'
    const file = withDrops('seed.pcapng', 'RX_CRC', drop, `${drop}, id 14`)
    const decisions = async (...seed: string[]) => {
      const args = ['simulate', file, '--wire', 'loss 30%', '--log', at('seed.log'), ...seed]
      expect((await runMain(...args)).status).toBe(0)
      return readFileSync(at('seed.log'), 'utf8')
    }
    const own = await decisions()
    expect(own).toContain('"seed":3002')
    expect(await decisions('--seed', '3002')).toBe(own)
    expect(await decisions('--seed', '3')).toMatch(/"seed":3\D/)
  })

  test('a capture that is cut off is simulated up to the cut', async () => {
    const file = pcap('g.pcap', [packet(0), packet(1)])
    writeFileSync(file, readFileSync(file).subarray(0, -1))
    const { status, stdout, stderr } = await runMain('simulate', file, '--wire', 'loss 0%')
    expect(stdout).toMatch(/ab loss +1 +1 /)
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/^vnet: .*g\.pcap: truncated at byte \d+: .*\n$/),
    ])
  })

  test('a capture of another link type is refused, and so is any other file', async () => {
    const raw = pcapng('h.pcapng', [packet(0)], 101)
    const refused = await runMain('simulate', raw, '--wire', 'loss 0%')
    expect([refused.status, refused.stderr]).toEqual([
      1,
      `vnet: ${raw}: packet 1: of link type 101, not of Ethernet (1)\n`,
    ])
    writeFileSync(at('text'), 'no capture')
    const text = await runMain('simulate', at('text'), '--wire', 'loss 0%')
    expect([text.status, text.stderr]).toEqual([
      1,
      expect.stringContaining('neither pcap nor pcapng'),
    ])
  })

  test('a capture with a packet without a time is refused by its number', async () => {
    const frame = [...plainFrame(100)]
    const blocks = [LITTLE.section(), LITTLE.interface(1, 0), LITTLE.packet(0, 1n, frame)]
    writeFileSync(
      at('simple.pcapng'),
      Uint8Array.from([...blocks, LITTLE.simplePacket(100, frame)].flat()),
    )
    const { status, stderr } = await runMain('simulate', at('simple.pcapng'), '--wire', 'loss 0%')
    const reason =
      'packet 2 has no time (a simple packet block): a simulation needs the times of all packets'
    expect([status, stderr]).toEqual([1, `vnet: ${at('simple.pcapng')}: ${reason}\n`])
  })

  test('frames that are too short or too long are reported by number', async () => {
    const packets = [
      packet(0, { capturedLength: 13, originalLength: 13 }),
      packet(0, { originalLength: 100_000 }),
    ]
    const { status, stdout, stderr } = await runMain(
      'simulate',
      pcap('i.pcap', packets),
      '--wire',
      'loss 0%',
    )
    expect([status, stderr.split('\n')]).toEqual([
      0,
      [
        `vnet: ${at('i.pcap')}: 1 frames were left out: shorter than an Ethernet header`,
        `vnet: ${at('i.pcap')}: 1 frames count as 69486 bytes, because they are longer`,
        `vnet: ${at('i.pcap')}: 1 frames are longer than 1522 bytes and count as a packet each: capture with offloads off, or use --log`,
        '',
      ],
    ])
    expect(stdout).toMatch(/ab loss +1 +1 /)
  })
})

describe('a capture of another program', () => {
  const ids = Array.from({ length: 20 }, (_, i) => i + 1)

  test('packets that are in the file twice are counted in a line', async () => {
    const file = pcap(
      'twice.pcap',
      ids.flatMap(id => [ipPacket(10 * id, id, 64), ipPacket(10 * id + 1, id, 63)]),
    )
    const { status, stderr } = await runMain('simulate', file, '--wire', 'loss 0%')
    const message =
      '20 frames repeat a packet of the file, and count as packets of their own: capture one interface'
    expect([status, stderr]).toEqual([0, `vnet: ${file}: ${message}\n`])
  })
})

describe('a scenario', () => {
  const file = pcapng(
    'steps.pcapng',
    Array.from({ length: 60 }, (_, i) => packet(10 * i, { interfaceIndex: i % 2 })),
  )
  test('a scenario changes the wire at its times, counted from the first arrival', async () => {
    const steps = scenario(
      'cut.yaml',
      '- { at: 95ms, wire-ab: partition }\n- { at: 200ms, wire-ab: off }\n',
    )
    await simulate(file, '--scenario', steps, '--out', at('cut.pcapng'))
    const ms = packetsOf(at('cut.pcapng')).map(each => each.ms)
    const sent = Array.from({ length: 60 }, (_, i) => 10 * i)
    expect(ms).toEqual(sent.filter(time => time < 95 || time >= 200 || time % 20 === 10))
  })

  test('a scenario repeats, and starts from the spec of --wire', async () => {
    const steps = scenario(
      'round.yaml',
      'repeat: 200ms\nsteps:\n- { at: 100ms, wire: delay 1ms }\n- { at: 150ms, wire: delay 2ms }',
    )
    await simulate(file, '--wire', 'delay 3ms', '--scenario', steps, '--out', at('round.pcapng'))
    const late = packetsOf(at('round.pcapng')).map(({ ms }) => Math.round(ms % 10))
    const round = [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]
    expect(late).toEqual([
      ...new Array(10).fill(3),
      ...round,
      ...new Array(10).fill(2),
      ...round,
      ...new Array(10).fill(2),
      ...round,
    ])
  })

  test.each([
    ['- { at: 1s, carrier: off }', 'simulate has no carrier to cut: write wire: partition'],
    [
      '- { at: 1s, wire-in: off }',
      'only attachments have wire-in and wire-out: write wire-ab and wire-ba',
    ],
  ])('the scenario %s is refused', async (text, message) => {
    const { status, stderr } = await runMain(
      'simulate',
      file,
      '--scenario',
      scenario('no.yaml', text),
    )
    expect([status, stderr]).toEqual([2, `vnet: ${at('no.yaml')}: ${message}\n`])
  })
})

test('a rate without a unit is noted once, with its meaning', async () => {
  const { status, stderr } = await runMain(
    'simulate',
    pcap('bare.pcap', [packet(0)]),
    '--wire',
    'rate 10',
  )
  expect([status, stderr]).toEqual([0, "vnet: '10' has no unit: it means 10bit/s, as in tc(8)\n"])
})

describe('a log', () => {
  const file = pcapng(
    'live.pcapng',
    Array.from({ length: 60 }, (_, i) => packet(3 * i, { interfaceIndex: i % 2 })),
  )
  const words = ['--wire', 'delay 20ms 15ms loss 20% duplicate 10% rate 1mbit', '--seed', '7']

  test('a log with its own spec and seed gives the decisions that it contains', async () => {
    await simulate(file, ...words, '--log', at('run.log'))
    const table = await simulate(at('run.log'), '--log', at('again.log'))
    expect(table).toContain('run.log ab: delay 20ms 15ms loss 20% duplicate 10% rate 1mbit\n')
    const log = readFileSync(at('run.log'), 'utf8').split('\n')
    expect(readFileSync(at('again.log'), 'utf8').split('\n')).toEqual(log)
    expect(log.length).toBeGreaterThan(150)
  })

  test('the log of an attachment has the downlink of a preset in its direction in', async () => {
    const set = {
      t: 1,
      direction: 'ab',
      side: 'in',
      stage: 'wire',
      verdict: 'set',
      text: 'preset dsl',
      seed: 1,
    }
    writeFileSync(at('attached.log'), `{"format":2}\n${JSON.stringify(set)}\n`)
    const stages = stagesOf(
      await simulate(at('attached.log'), '--json', '--log', at('attached-again.log')),
    )
    expect(readFileSync(at('attached-again.log'), 'utf8')).toContain(JSON.stringify(set))
    expect(stages.map(({ text }: { text: string }) => text)).toEqual([
      'rate 1.5mbit limit 96kb',
      'delay 25ms',
    ])
  })

  test('a log with an unusable text is refused with the reason', async () => {
    const set = { t: 1, direction: 'ab', stage: 'wire', verdict: 'set', text: 'my-own', seed: 1 }
    writeFileSync(at('own.log'), `{"format":2}\n${JSON.stringify(set)}\n`)
    const { status, stderr } = await runMain('simulate', at('own.log'))
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/own\.log: line 2: its text .*; give --wire\n$/),
    ])
  })
})

describe('arguments', () => {
  const file = pcap('z.pcap', [packet(0)])

  test.each([
    [
      'a capture without words',
      [file],
      "simulate: a capture needs --wire, such as --wire 'delay 20ms loss 1%'",
    ],
    ['a file that does not exist', [at('none')], `${at('none')}: no such file or directory`, 1],
    [
      'wrong words',
      [file, '--wire', 'los 1%', '--log', at('kept')],
      "'los' is not a word of a wire",
    ],
  ] as [string, string[], string, number?][])(
    '%s is one line and touches no file',
    async (_, args, message, code = 2) => {
      const before = readFileSync(file)
      writeFileSync(at('kept'), 'kept')
      const { status, stderr } = await runMain('simulate', ...args)
      expect([status, stderr]).toEqual([code, expect.stringContaining(`vnet: `)])
      expect(stderr).toContain(message)
      expect(readFileSync(file)).toEqual(before)
      expect(readFileSync(at('kept'), 'utf8')).toBe('kept')
    },
  )
})

describe('--stage', () => {
  const file = stageFile()
  const capture = pcap(
    'stage.pcap',
    [0, 1, 2, 3, 4].map(ms => packet(ms)),
  )

  test('names stages in the text, which count like any other stage', async () => {
    const text = 'stage half | delay 5ms'
    const { status, stdout } = await runMain(
      'simulate',
      capture,
      '--stage',
      file,
      '--wire-ab',
      text,
    )
    expect(status).toBe(0)
    expect(stdout).toMatch(/^ *ab half +5 +3 +0 +2$/m)
    expect(stdout).toMatch(/^ *ab half dropped: half 2$/m)
  })
})
