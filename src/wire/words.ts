/**
 * The words of a wire: what users may write, what it does, and examples. `npm run generate` makes
 * the tables of docs/wires.md from it, and tests draw random wires from the examples. Programs do
 * not load it.
 */
import type presets from './presets.json'

export interface Word {
  /** The forms, separated by commas. Parts in brackets are optional. */
  readonly text: string
  /** In Markdown. Reasons of drops are in backquotes. */
  readonly what: string
  readonly byDefault?: string
  /** Texts as users write them; the page has the first. */
  readonly examples: readonly [string, ...string[]]
}

const LINKS = ['lte', '5g', 'starlink', 'wifi', 'geo']
const MOBILE = ['5g', 'starlink', 'wifi']

/**
 * The words by the headings of the page. Each kind of stage has an example, and together they have
 * each keyword.
 */
export const WORDS: Readonly<Record<string, readonly Word[]>> = {
  'Delay and jitter': [
    {
      text: 'delay TIME [JITTER [C]]',
      what: 'delays each packet by TIME, give or take JITTER',
      byDefault: 'no jitter',
      examples: ['delay 20ms 5ms 25%', 'delay 20ms'],
    },
    {
      text: 'ordered, unordered',
      what: 'after the jitter and distribution of a delay: whether a packet waits for packets before it that drew a longer delay',
      byDefault: 'unordered; beside a rate or trace ordered',
      examples: ['delay 20ms 5ms ordered', 'delay 20ms 5ms unordered'],
    },
    {
      text: 'distribution NAME',
      what: 'after the times of a delay: draws the delays from `uniform` (TIME ± JITTER at most), `normal`, `pareto`, `paretonormal` (JITTER is the standard deviation) or a table file of netem (`#` comments, at most 16,384 numbers from -32768 to 32767)',
      byDefault: 'uniform',
      examples: [
        'delay 20ms 5ms distribution pareto',
        'delay 20ms 5ms distribution pareto ordered',
      ],
    },
    {
      text: 'reorder P [C] [gap N]',
      what: 'beside a delay: sends P immediately, ahead of delayed packets. At least N - 1 packets in between are delayed',
      byDefault: 'gap 1',
      examples: ['delay 20ms reorder 25% 50% gap 5'],
    },
    {
      text: 'slot MIN [MAX]',
      what: 'holds packets until the next slot, in which they leave together. A slot comes MIN to MAX after the first packet that waits for it',
      byDefault: 'MAX is MIN',
      examples: ['slot 5ms 20ms'],
    },
    {
      text: 'slot distribution NAME DELAY JITTER',
      what: 'the same, with times drawn from a distribution',
      examples: ['slot distribution normal 10ms 2ms'],
    },
    {
      text: 'packets N, bytes N',
      what: 'after a slot: the most packets or bytes that leave in one slot',
      byDefault: 'no limit',
      examples: ['slot 10ms packets 16 bytes 64kb'],
    },
  ],
  'Packet loss': [
    {
      text: 'loss [random] P [C]',
      what: 'drops P at random',
      byDefault: 'no correlation',
      examples: ['loss 1% 25%', 'loss 1%'],
    },
    {
      text: 'loss P burst MEAN',
      what: 'drops P in bursts of geometric length with mean MEAN. `loss burst MEAN P` is the same',
      examples: ['loss 1% burst 5'],
    },
    {
      text: 'loss every N',
      what: 'drops every Nth packet',
      examples: ['loss every 100'],
    },
    {
      text: 'loss gemodel P [R [1-H [1-K]]]',
      what: 'drops packets by the Gilbert-Elliott model: P from good to bad, R back, 1-H lost while bad, 1-K lost while good',
      byDefault: '100% - P, 100%, 0%',
      examples: ['loss gemodel 1% 10% 70% 0.1%'],
    },
    {
      text: 'loss state P13 [P31 [P32 [P23 [P14]]]]',
      what: 'drops packets by a model of four states: 1 sent in a gap, 2 sent in a burst, 3 lost in a burst, 4 lost alone. Pxy is the probability of going from x to y',
      byDefault: '100% - P13, 0%, 100%, 0%',
      examples: ['loss state 1% 20% 10% 90% 0.1%'],
    },
    {
      text: 'ecn',
      what: 'after a loss, or a queue that has it: marks packets of ECN-capable senders instead of dropping them. They count as `marked`, not as `dropped`',
      byDefault: 'off',
      examples: ['loss 1% ecn', 'loss 1% 25% ecn'],
    },
    {
      text: 'partition',
      what: 'drops all packets, as `partition`: the link is cut',
      examples: ['partition'],
    },
    {
      text: 'blackhole',
      what: 'drops all packets, as `blackhole`. For one direction',
      examples: ['blackhole'],
    },
    {
      text: 'hold',
      what: 'holds all packets, and delivers them when the stage is removed',
      examples: ['hold', 'hold limit 5000'],
    },
    {
      text: 'mtu N [icmp]',
      what: "drops IP packets of more than N bytes, as `mtu`. With `icmp` the sender gets an ICMP error with the packet's destination as its source",
      byDefault: 'no ICMP',
      examples: ['mtu 1400 icmp', 'mtu 1400'],
    },
  ],
  'Copies and damage': [
    {
      text: 'duplicate P [C]',
      what: 'sends P twice. At most 64 of one',
      byDefault: 'no correlation',
      examples: ['duplicate 1%', 'duplicate 10% 25%'],
    },
    {
      text: 'corrupt P [C]',
      what: 'flips one bit of P, after the Ethernet header and VLAN tags. Checksums remain unchanged, so the receiver notices',
      byDefault: 'no correlation',
      examples: ['corrupt 0.1%', 'corrupt 1% 25%'],
    },
    {
      text: 'corrupt [P] at OFFSET',
      what: 'inverts the byte at OFFSET from the start of the frame',
      byDefault: '100%',
      examples: ['corrupt 1% at 50'],
    },
    {
      text: 'truncate N [P]',
      what: 'cuts frames to N bytes',
      byDefault: '100%',
      examples: ['truncate 64 1%', 'truncate 64'],
    },
  ],
  'Rate and queues': [
    {
      text: 'rate R [OVERHEAD [CELL [CELLOVERHEAD]]]',
      what: 'sends packets one after another at R. OVERHEAD bytes are added to each packet, and may be negative. With CELL a packet takes whole cells of that many bytes, and CELLOVERHEAD is added to each cell',
      byDefault: '0',
      examples: ['rate 10mbit 26', 'rate 10mbit'],
    },
    {
      text: 'burst N',
      what: 'after a rate: sends up to N bytes back to back after idle time',
      byDefault: '0: each packet takes its time',
      examples: ['rate 10mbit burst 15kb', 'rate 10mbit 26 48 5 burst 15kb'],
    },
    {
      text: 'policer R burst N',
      what: 'drops packets above the rate R beyond a burst of N bytes, as `policer`. It holds none. A frame of more than N bytes never passes',
      examples: ['policer 10mbit burst 15kb'],
    },
    {
      text: 'limit N, limit Nkb, limit T',
      what: 'limits what the hold, rate, trace, delay and slot beside it hold together: N packets, N kb, or the bytes that the rate sends in T. OVERHEAD and cells do not count. Packets beyond it are dropped as `limit`',
      byDefault: '1000 packets',
      examples: ['rate 10mbit limit 64kb'],
    },
    {
      text: 'droptail',
      what: 'beside a rate or trace: a full queue drops arriving packets',
      byDefault: 'yes',
      examples: ['rate 10mbit droptail'],
    },
    {
      text: 'drophead',
      what: 'the same, but a full queue drops its oldest packets, as `head`',
      examples: ['rate 10mbit drophead limit 50'],
    },
    {
      text: 'red [min N] [max N] [probability P] [ecn]',
      what: 'RED: drops early, as `red`, while the average queue is between min and max bytes',
      byDefault: 'max: a quarter of the limit; min: a third of max; 2%',
      examples: ['rate 10mbit red ecn limit 120kb'],
    },
    {
      text: 'codel [target T] [interval T] [ce_threshold T] [ecn]',
      what: 'CoDel (RFC 8289): drops, as `codel`, while packets wait longer than target for an interval. With `ce_threshold` marks every ECN-capable packet that waited longer than that',
      byDefault: '5ms, 100ms',
      examples: ['rate 10mbit codel limit 1000'],
    },
    {
      text: 'fq_codel [quantum N] [target T] [interval T] [ce_threshold T] [ecn]',
      what: 'FQ-CoDel (RFC 8290): 1024 queues for flows, which take turns of N bytes, each with CoDel',
      byDefault: '1514, as codel',
      examples: ['rate 10mbit fq_codel ecn'],
    },
    {
      text: 'pie [target T] [tupdate T] [ecn]',
      what: 'PIE (RFC 8033): drops arriving packets, as `pie`, with a probability that is corrected every tupdate',
      byDefault: '15ms, 15ms',
      examples: ['rate 10mbit pie limit 100ms'],
    },
    {
      text: 'dualpi2 [target T] [step T]',
      what: 'DualPI2 (RFC 9332, L4S): ECT(1) packets have a queue of their own, which goes first, and are marked when they wait longer than step and more than one follows. Classic packets are marked or dropped, as `dualpi2`',
      byDefault: '15ms, 1ms',
      examples: ['rate 100mbit dualpi2'],
    },
  ],
  'Rates that change': [
    {
      text: 'trace FILE [once]',
      what: 'sends packets at the times of a mahimahi trace: each line is a millisecond at which 1,504 bytes may leave. A packet takes its IP length and 4 bytes, as in mahimahi, so a packet of 1,500 bytes takes a line. The trace starts with the first packet, and starts again after its end unless `once` is given. A file whose first line names columns is a trace in CSV',
      byDefault: 'repeated',
      examples: ['trace verizon.up', 'trace verizon.up once codel'],
    },
    {
      text: LINKS.join(', '),
      what: 'a link whose rate, delay and loss change over time, drawn from the seed: links over time. Direction `ab` is the uplink',
      examples: ['starlink fq_codel', ...LINKS, ...LINKS.map(name => `${name} codel`)],
    },
    {
      text: 'handover T',
      what: 'after `lte`, `5g`, `starlink` or `wifi`: a handover every T, from 1s to 1h',
      byDefault: '20s, 15s, 15s, never',
      examples: ['lte handover 10s', ...MOBILE.map(name => `${name} handover 10s`)],
    },
    {
      text: 'preset NAME',
      what: 'the link of that name in the table below, with a constant rate. It stands alone in its group',
      examples: ['preset lte'],
    },
  ],
  'Some packets only': [
    {
      text: 'match WHICH ( SPEC ) [else ( SPEC )]',
      what: 'sends the packets that WHICH selects through the first SPEC, all others through the second',
      byDefault: 'others pass unchanged',
      examples: [
        "match 'tcp port 80' ( loss 1% ) else ( delay 5ms )",
        "match 'tcp port 80' ( loss 1% )",
        "match 'udp port 53' ( delay 5ms ) else ( loss 10% )",
      ],
    },
    {
      text: 'FILTER',
      what: 'WHICH, like the four after it, which can be combined: packets that FILTER matches',
      byDefault: 'all packets',
      examples: ["match 'udp port 53' ( delay 1s )"],
    },
    {
      text: 'syn',
      what: 'WHICH: TCP segments with SYN',
      examples: ['match syn ( loss 50% )'],
    },
    {
      text: 'flow P',
      what: 'WHICH: the packets of a share P of the flows',
      examples: ['match tcp flow 10% ( loss 50% )', 'match flow 10% nth 3 ( delay 1s )'],
    },
    {
      text: 'data',
      what: 'WHICH: TCP packets with payload, not handshakes and acknowledgments',
      examples: [
        "match 'tcp dst port 80' data ( loss 5% )",
        "match 'tcp port 80' data nth 3 ( delay 1s )",
      ],
    },
    {
      text: 'nth N',
      what: 'WHICH: only the Nth packet that meets the other conditions',
      examples: ['match arp nth 2 ( delay 1s )'],
    },
  ],
  'Faults of chosen packets': [
    {
      text: 'drop [FILTER] WHEN',
      what: 'counts the packets that FILTER matches, and drops each that WHEN selects, as `drop`',
      byDefault: 'FILTER: all packets',
      examples: ["drop 'tcp port 80' nth 3"],
    },
    {
      text: 'duplicate [FILTER] WHEN',
      what: 'sends them twice',
      examples: ['duplicate arp first 1'],
    },
    {
      text: 'delay TIME [FILTER] WHEN',
      what: 'delays them by TIME, so that later packets overtake them. Beyond 1000 delayed packets, a fault drops them, as `limit`',
      examples: ["delay 200ms 'tcp port 80' nth 3"],
    },
    {
      text: 'corrupt [FILTER] WHEN',
      what: 'flips one bit of them',
      examples: ['corrupt udp every 10'],
    },
    {
      text: 'swap [FILTER] WHEN',
      what: 'lets the next packet of the same flow overtake them. A packet that none overtakes within 1 s leaves then. Beyond 100 held packets, a fault lets them pass unswapped',
      examples: ['swap udp nth 1'],
    },
    {
      text: 'tamper [FILTER] WHEN',
      what: 'flips one bit of the payload of TCP and UDP packets, and corrects the checksum',
      examples: ["tamper 'tcp port 80' nth 3"],
    },
    {
      text: 'ce [FILTER] WHEN',
      what: 'marks packets of senders that are capable of ECN as having met congestion',
      examples: ['ce tcp nth 5'],
    },
    {
      text: 'reset [FILTER] WHEN',
      what: 'drops them, as `reset`, if they are TCP segments, and sends both ends a reset that they accept',
      examples: ["reset 'tcp port 22' after 2s"],
    },
    {
      text: 'reset [FILTER] byte N [COUNT]',
      what: 'ends TCP connections at byte N of the payload that they send: earlier bytes pass, a reset follows them, and later packets are dropped, as `reset`. -1 is the SYN. COUNT is `first N`, `nth N` or `every N` of the connections that reach the byte',
      byDefault: 'COUNT: every 1',
      examples: ["reset 'tcp src port 80' byte 9805", "reset 'tcp src port 80' byte -1 first 1"],
    },
    {
      text: 'fin [FILTER] byte N [COUNT]',
      what: 'the same with a FIN, as if the sender had closed the connection there. The sender gets a reset',
      examples: ["fin 'tcp src port 80' byte 9805 nth 2"],
    },
    {
      text: 'mute [FILTER] byte N [COUNT]',
      what: 'drops byte N of a connection and all later packets of the direction, as `mute`',
      examples: ["mute 'tcp src port 80' byte 9805"],
    },
    {
      text: 'first N, nth N, every N, data, after T',
      what: 'WHEN: the first N, the Nth, every Nth, or all from T after the first packet on. With `after` and a count, counting starts at T. With `data`, only TCP packets with payload count, retransmissions included',
      examples: ["drop 'tcp dst port 8080' nth 3 data"],
    },
  ],
  'Your own': [
    {
      text: 'stage NAME [VALUE ...]',
      what: 'a stage of your own: the function of that name which the file of `--stage FILE` exports. It gets the values: numbers, or texts in quotes',
      examples: ['stage every 5'],
    },
  ],
}

/** Where the figures of each preset are from. */
export const PRESET_SOURCES: Readonly<Record<keyof typeof presets, string>> = {
  'dial-up': 'WebPageTest "Dial": 49 / 30 kbit/s, 120 ms',
  '2g': 'WebPageTest "2G": 35 / 32 kbit/s, 1300 ms',
  edge: 'WebPageTest "Edge": 240 / 200 kbit/s, 840 ms',
  'slow-3g':
    'Chrome DevTools and Puppeteer "Slow 3G": 500 kbit/s, 400 ms, without the factors that they apply to requests',
  '3g': 'WebPageTest "3G": 1.6 Mbit/s / 768 kbit/s, 300 ms',
  'fast-3g':
    'Chrome DevTools and Puppeteer "Fast 3G": 1.6 Mbit/s / 750 kbit/s, 150 ms, without those factors',
  'fast-4g':
    'Chrome DevTools and Puppeteer "Fast 4G": 9 / 1.5 Mbit/s, 60 ms, without those factors',
  lte: 'WebPageTest "LTE": 12 / 12 Mbit/s, 70 ms',
  '5g': 'Report ITU-R M.2410: user experienced data rates 100 / 50 Mbit/s, user plane latency 4 ms in each direction. Requirements, not measurements',
  dsl: 'WebPageTest "DSL": 1.5 Mbit/s / 384 kbit/s, 50 ms',
  cable: 'WebPageTest "Cable": 5 / 1 Mbit/s, 28 ms',
  fiber: 'WebPageTest "FIOS": 20 / 5 Mbit/s, 4 ms',
  'wifi-busy': 'typical values, no published source',
  'satellite-geo':
    'Michel et al., "A First Look at Starlink Performance" (IMC 2022), for the geostationary access that it compares with: 100 / 10 Mbit/s, about 600 ms',
  'satellite-leo':
    'Ookla, Starlink in the US, third quarter of 2021: median 87.25 / 13.54 Mbit/s, 44 ms. Jitter and loss are typical values',
}
