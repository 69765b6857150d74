// @ts-check

/** 7. Private ioctls and parameters: the controls for an administrator. */

import {
  counts,
  defineExercise,
  devIoctl,
  echoRequest,
  fail,
  tcpFrame,
  udpFrame,
  verify,
} from '@vnet/learn'
import {
  EFAULT,
  EINVAL,
  EOPNOTSUPP,
  EPERM,
  errnoName,
  formatParam,
  IFR_IFRU,
  IFREQ_LEN,
  SIOCDEVPRIVATE,
} from 'vnet'

/** @typedef {import('@vnet/learn').Explanation} Explanation */
/** @typedef {import('@vnet/learn').TestBed} TestBed */

const ENDS = { from: '198.18.0.1', to: '198.18.0.9' }
const COUNTERS = SIOCDEVPRIVATE
const SIZE = 24
const FLAG_RESET = 1
const UDP_LEN = 60
/** More than 32 bits have, bytes. */
const MANY = 3 * 2 ** 32 + 5
/** Where ifr_data points in a check that plays the caller's memory itself. */
const DATA_AT = 0x1000n

/**
 * The caller's struct counters, in memory that was used before.
 * @returns {Uint8Array}
 */
function request(flags = 0, size = SIZE, length = SIZE) {
  const data = new Uint8Array(length).fill(0xff)
  const view = new DataView(data.buffer)
  view.setUint32(0, size, true)
  view.setUint32(4, flags, true)
  return data
}

/**
 * The counters in the data that an ioctl returned.
 * @param {Uint8Array} data
 * @returns {{ frames: number; bytes: number }}
 */
function countersIn(data) {
  const view = new DataView(data.buffer, data.byteOffset)
  return { frames: Number(view.getBigUint64(8, true)), bytes: Number(view.getBigUint64(16, true)) }
}

/** @param {TestBed} bed */
const transmit = (bed, n = 3) => {
  for (let i = 0; i < n; i++) {
    bed.transmit(udpFrame(ENDS))
  }
}

/**
 * @param {TestBed} bed
 * @returns {unknown}
 */
const framesOf = bed => /** @type {{ frames: unknown }} */ (bed.dev.priv).frames

/**
 * `-EPERM`, or the number.
 * @param {number} result
 * @returns {string}
 */
const resultName = result => (result < 0 ? `-${errnoName(result)}` : String(result))

/**
 * Fails unless an ioctl returned this.
 * @param {string} what
 * @param {number} result
 * @param {number} wanted
 * @param {string} why
 */
function verifyResult(what, result, wanted, why) {
  verify(result === wanted, {
    seen: `${what} returned ${resultName(result)}`,
    expected: `${resultName(wanted)}: ${why}`,
  })
}

/**
 * Fails unless this many frames were counted.
 * @param {TestBed} bed
 * @param {number} wanted
 * @param {string} why
 * @param {Omit<Explanation, 'expected'>} explanation
 */
function verifyFrames(bed, wanted, why, explanation) {
  const frames = framesOf(bed)
  verify(frames === wanted, {
    ...explanation,
    seen: `${explanation.seen}: ${frames} frames counted; dropped: ${counts(bed.drops())}`,
    expected: `${wanted}: ${why}`,
  })
}

/**
 * The bytes of a text in hexadecimal.
 * @param {string} hex
 */
const bytesOf = hex =>
  Uint8Array.from(hex.match(/../g) ?? [], digits => Number.parseInt(digits, 16))

export const exercise = defineExercise({
  version: 1,
  driver: 'ioctl.js',
  title: 'Private ioctls and parameters',
  summary: 'a private ioctl with rights and checks, and parameters that change live',
  kernelNames: [
    'module_param',
    'MODULE_PARM_DESC',
    'kernel_param_ops',
    'SIOCDEVPRIVATE',
    'ndo_siocdevprivate',
    'copy_from_user',
    'copy_to_user',
    'capable',
    'EFAULT',
    'EOPNOTSUPP',
  ],
  memory: [
    {
      title: 'has the parameters limit, count and only, all live',
      read: 'Parameters',
      run(_, { driver }) {
        /** @type {Record<string, import('vnet').Param<unknown> | undefined>} */
        const params = driver.params
        for (const [name, type] of Object.entries({
          limit: 'int',
          count: 'bool',
          only: 'string',
        })) {
          const param = params[name]
          verify(param?.type === type, {
            seen:
              param === undefined
                ? `there is no parameter ${name}`
                : `the parameter ${name} is of type ${param.type}`,
            expected: `a parameter ${name}: ${type === 'string' ? 'text' : type}({ ... })`,
          })
          verify(param.live, {
            seen: `${name} cannot change while the driver runs`,
            expected: 'live: true',
          })
        }
        const { only } = params
        const [usual, all] = [only?.default, only?.parse('all')]
        verify(usual === all, {
          seen: `the default of only is ${JSON.stringify(usual)}, and parse('all') returns ${JSON.stringify(all)}`,
          expected: 'the same value: a default is not parsed',
          read: 'Text that is checked',
        })
      },
    },
    {
      title: 'counts as limit and count say, also when they change',
      read: 'Parameters',
      run(bed) {
        transmit(bed)
        verifyFrames(bed, 3, 'count is on, limit is not exceeded, only is all', {
          seen: `3 UDP frames of ${UDP_LEN} bytes, with the defaults`,
        })
        bed.params.limit = UDP_LEN - 1
        transmit(bed)
        verifyFrames(bed, 3, 'dev.priv.params.limit is read for each frame', {
          seen: `3 more, with limit=${UDP_LEN - 1} set while the driver ran`,
        })
        const { PKT_TOO_BIG = 0 } = bed.drops()
        verify(PKT_TOO_BIG === 3, {
          seen: `3 frames longer than limit; dropped: ${counts(bed.drops())}`,
          expected: 'PKT_TOO_BIG 3',
        })
        bed.params.limit = UDP_LEN
        transmit(bed)
        verifyFrames(bed, 6, 'a frame of just limit bytes is counted', {
          seen: `3 more, with limit=${UDP_LEN}`,
        })
        bed.params.count = false
        transmit(bed)
        verifyFrames(bed, 6, 'count is off', { seen: '3 more, with count=0' })
        bed.params.limit = UDP_LEN - 1
        transmit(bed)
        const { PKT_TOO_BIG: tooBig = 0 } = bed.drops()
        verify(tooBig === PKT_TOO_BIG + 3, {
          seen: `3 frames longer than limit, with count=0; dropped: ${counts(bed.drops())}`,
          expected: `PKT_TOO_BIG ${PKT_TOO_BIG + 3}: limit is looked at first, whatever count and only are`,
        })
      },
    },
    {
      title: 'counts one protocol with only, and refuses a name that it does not know',
      read: 'Text that is checked',
      run(bed, { driver }) {
        const only = /** @type {import('vnet').Param<unknown>} */ (driver.params.only)
        // Every object of JavaScript has a toString and a constructor.
        for (const name of ['sctp', 'tc', 'udpx', '', 'toString', 'constructor']) {
          /** @type {unknown} */
          let refusal
          try {
            only.parse(name)
          } catch (error) {
            refusal = error
          }
          verify(refusal instanceof Error && refusal.name === 'UsageError', {
            seen:
              refusal === undefined ? `only=${name} was taken` : `only=${name} threw ${refusal}`,
            expected: 'a UsageError, which is printed as one line for whoever typed it',
          })
        }
        bed.params.only = only.parse('icmp')
        transmit(bed)
        bed.transmit(echoRequest(ENDS))
        verifyFrames(bed, 1, 'the ping', { seen: '3 UDP frames and a ping, with only=icmp' })
        bed.params.only = only.parse('all')
        transmit(bed)
        verifyFrames(bed, 4, 'the ping and these', { seen: '3 UDP frames more, with only=all' })
        for (const name of ['icmp', 'tcp', 'udp', 'all']) {
          const text = formatParam(only, only.parse(name))
          verify(text === name, {
            seen: `vnet param shows only=${name} as ${text}`,
            expected: `${name}: format is the opposite of parse`,
          })
        }
        for (const [name, frame] of Object.entries({ tcp: tcpFrame(ENDS), udp: udpFrame(ENDS) })) {
          bed.params.only = only.parse(name)
          const before = Number(framesOf(bed))
          bed.transmit(frame)
          verifyFrames(bed, before + 1, 'the frame', {
            seen: `a frame of ${name.toUpperCase()}, with only=${name}`,
          })
          for (const each of [tcpFrame(ENDS), udpFrame(ENDS), echoRequest(ENDS)]) {
            bed.transmit(each)
          }
          verifyFrames(bed, before + 2, `the one of ${name.toUpperCase()}`, {
            seen: `then a frame of TCP, one of UDP and a ping, with only=${name}`,
          })
          bed.params.limit = frame.length - 1
          const { PKT_TOO_BIG = 0 } = bed.drops()
          bed.transmit(frame)
          bed.transmit(echoRequest({ ...ENDS, size: 200 }))
          verify(bed.drops().PKT_TOO_BIG === PKT_TOO_BIG + 2, {
            seen: `with only=${name}, two frames longer than limit, one of ${name.toUpperCase()} and one not; dropped: ${counts(bed.drops())}`,
            expected: `PKT_TOO_BIG ${PKT_TOO_BIG + 2}: limit is looked at first, whatever only is`,
            read: 'Parameters',
          })
          bed.params.limit = 1514
        }
      },
    },
    {
      title: 'reads the counters',
      read: 'The ioctl',
      async run(bed, { another }) {
        transmit(await another(), 2)
        transmit(bed)
        const { result, data } = bed.ioctl(COUNTERS, { data: request() })
        verifyResult('COUNTERS', result, 0, 'success')
        const { frames, bytes } = countersIn(data)
        verify(frames === 3 && bytes === 3 * UDP_LEN, {
          seen: `after 3 frames of ${UDP_LEN} bytes, and 2 on another device, COUNTERS wrote ${frames} frames and ${bytes} bytes`,
          expected: `3 and ${3 * UDP_LEN}, of this device, each a u64, at offsets 8 and 16, little-endian`,
        })
        verifyFrames(bed, 3, 'only FLAG_RESET resets', {
          seen: 'after COUNTERS without FLAG_RESET',
        })
        bed.params.count = false
        transmit(bed)
        const off = countersIn(bed.ioctl(COUNTERS, { data: request() }).data)
        verify(off.frames === 3 && off.bytes === 3 * UDP_LEN, {
          seen: `after 3 frames more, with count=0, COUNTERS wrote ${off.frames} frames and ${off.bytes} bytes`,
          expected: `3 and ${3 * UDP_LEN}, as before: what is not counted adds no bytes`,
          read: 'Parameters',
        })
        Object.assign(/** @type {object} */ (bed.dev.priv), { bytes: MANY })
        const { data: large } = bed.ioctl(COUNTERS, { data: request() })
        verify(countersIn(large).bytes === MANY, {
          seen: `with ${MANY} in dev.priv.bytes, COUNTERS wrote ${countersIn(large).bytes}`,
          expected: `${MANY}: a u64 has 64 bits, setBigUint64(16, BigInt(bytes), true)`,
        })
        const head = new DataView(large.buffer, large.byteOffset)
        verify(head.getUint32(0, true) === SIZE && head.getUint32(4, true) === 0, {
          seen: `COUNTERS wrote size ${head.getUint32(0, true)} and flags ${head.getUint32(4, true)}`,
          expected: `${SIZE} and 0, as the caller wrote them: it fills in frames and bytes`,
        })
      },
    },
    {
      title: 'refuses what it does not know',
      read: 'Check what you get',
      run(bed) {
        for (let n = 1; n < 16; n++) {
          const { result: other } = bed.ioctl(COUNTERS + n, { data: request() })
          verifyResult(`SIOCDEVPRIVATE + ${n}`, other, -EOPNOTSUPP, 'there is no such ioctl')
        }
        // The last ones have the right number in their low byte, and in their low half.
        for (const size of [0, SIZE - 8, SIZE + 8, SIZE + 256, SIZE + 65_536]) {
          const { result } = bed.ioctl(COUNTERS, { data: request(0, size, 64) })
          verifyResult(
            `COUNTERS with size ${size}`,
            result,
            -EINVAL,
            `the struct has ${SIZE} bytes`,
          )
        }
        const { result } = bed.ioctl(COUNTERS, { data: request(FLAG_RESET | 2) })
        verifyResult(
          'COUNTERS with flags 3',
          result,
          -EINVAL,
          'bit 1 is unknown, and may get a meaning later',
        )
        for (let bit = 1; bit < 32; bit++) {
          for (const flags of [2 ** bit, 2 ** bit + FLAG_RESET]) {
            const given = bed.ioctl(COUNTERS, { data: request(flags), mayChange: false })
            const what = `COUNTERS with flags ${flags}, by a caller that may change nothing,`
            verifyResult(
              what,
              given.result,
              -EINVAL,
              'all bits but bit 0 are unknown, and are checked before rights',
            )
          }
        }
      },
    },
    {
      title: 'reports memory that is not there',
      read: 'Memory that is not there',
      run(bed) {
        for (const length of [0, 8]) {
          const { result } = bed.ioctl(COUNTERS, { data: request().subarray(0, length) })
          verifyResult(
            `COUNTERS with ${length} bytes of memory`,
            result,
            -EFAULT,
            'read() and write() throw it',
          )
        }
      },
    },
    {
      title: 'resets for those who may, and nobody else',
      read: 'Rights',
      run(bed) {
        transmit(bed)
        const { result } = bed.ioctl(COUNTERS, { data: request(FLAG_RESET), mayChange: false })
        verifyResult(
          'FLAG_RESET by a caller that may change nothing',
          result,
          -EPERM,
          'data.mayChange is false',
        )
        verifyFrames(bed, 3, 'what is refused changes nothing', {
          seen: 'after a FLAG_RESET that was refused',
        })
        const { result: reading } = bed.ioctl(COUNTERS, { data: request(), mayChange: false })
        verifyResult('COUNTERS by a caller that may change nothing', reading, 0, 'anyone may read')
        const { result: reset, data } = bed.ioctl(COUNTERS, { data: request(FLAG_RESET) })
        verifyResult('FLAG_RESET by the owner', reset, 0, 'data.mayChange is true')
        const { frames } = countersIn(data)
        verify(frames === 3, {
          seen: `FLAG_RESET after 3 frames wrote ${frames}`,
          expected: '3: read, then reset',
        })
        verifyFrames(bed, 0, 'both are reset', { seen: 'after FLAG_RESET' })
        const { bytes } = countersIn(bed.ioctl(COUNTERS, { data: request() }).data)
        verify(bytes === 0, {
          seen: `after FLAG_RESET, COUNTERS wrote ${bytes} bytes`,
          expected: '0: both are reset',
        })
      },
    },
    {
      title: 'resets nothing if the caller did not get the counters',
      read: 'Memory that is not there',
      run(bed) {
        transmit(bed)
        const ifr = new Uint8Array(IFREQ_LEN)
        new DataView(ifr.buffer).setBigUint64(IFR_IFRU, DATA_AT, true)
        const readOnly = {
          read: /** @param {bigint} _ @param {Uint8Array} into */ (_, into) => {
            into.set(request(FLAG_RESET).subarray(0, into.length))
            return 0
          },
          write: () => -EFAULT,
        }
        const result = devIoctl(bed.dev, COUNTERS, ifr, readOnly, true)
        verifyResult(
          'FLAG_RESET with memory that cannot be written',
          result,
          -EFAULT,
          'write() throws it',
        )
        if (framesOf(bed) !== 3) {
          fail({
            seen: `FLAG_RESET failed with -EFAULT, and ${framesOf(bed)} of 3 frames are left in the counters`,
            expected: '3: reset after write(), or what was counted is lost',
          })
        }
      },
    },
  ],
  live: [
    {
      title: 'vnet ioctl reads and resets, vnet param changes what is counted',
      needs: ['ping'],
      read: 'See it live',
      async run({ vnet, run }) {
        const [name = 'count0'] = (await vnet()).interfaces
        const ping = () => run('ping', '-q', '-c', '3', '-i', '0.05', '-W', '0.1', '198.18.0.9')
        /**
         * @param {string} hex
         * @returns {Promise<number | undefined>}
         */
        const ioctl = async hex => {
          const { stdout } = await run(
            'vnet',
            'ioctl',
            name,
            '0',
            hex,
            '--length',
            String(SIZE),
            '--json',
          )
          const { data = '' } = JSON.parse(stdout || '{}')
          return data.length === 2 * SIZE ? countersIn(bytesOf(data)).frames : undefined
        }
        await ping()
        // When vnet has replied to this, it has read the frames.
        await ioctl('18')
        const frames = await ioctl('1800000001')
        verify(frames === 3, { seen: `3 pings; vnet ioctl: ${frames} frames`, expected: '3' })
        const { status, stderr } = await run('vnet', 'param', name, 'only=tcp')
        verify(status === 0, {
          seen: `vnet param ${name} only=tcp: ${stderr.trim()}`,
          expected: 'no error',
        })
        await ping()
        const after = await ioctl('18')
        verify(after === 0, {
          seen: `FLAG_RESET, only=tcp, 3 pings; vnet ioctl: ${after} frames`,
          expected: '0',
        })
      },
    },
  ],
})
