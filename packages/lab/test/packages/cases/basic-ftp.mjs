import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { Client } from 'basic-ftp'
import { ftpServer } from '../servers/ftp.mjs'

export const serve = ftpServer
export const answer = '42'
export const ask = async () => {
  const client = new Client()
  await client.access({ host: 'server' })
  const file = new PassThrough()
  await client.downloadTo(file, '6 7')
  client.close()
  return text(file)
}
