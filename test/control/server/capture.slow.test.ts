/** CAPTURE by as many clients as a vnet serves. */
import { expect, test } from 'vitest'
import type { CaptureStream } from '#src/control/index.ts'
import { framesOf, servedCables } from './served-cables.ts'

const { served } = servedCables()

test('a vnet refuses a seventeenth capture, and takes another once one has ended', async () => {
  const { client, vnet } = await served()
  const captures = await Promise.all(Array.from({ length: 16 }, () => client.capture(vnet)))
  await expect(client.capture(vnet)).rejects.toMatchObject({
    code: 'EBUSY',
    advice: 'this vnet has 16 captures already',
  })
  captures[0]?.stop()
  await framesOf(captures[0] as CaptureStream)
  await client.capture(vnet)
})
