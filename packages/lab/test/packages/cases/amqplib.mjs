import amqp from 'amqplib'
import { amqpServer } from '../servers/amqp.mjs'

export const serve = amqpServer
export const answer = '42'
export const ask = async () => {
  const connection = await amqp.connect('amqp://server')
  const channel = await connection.createChannel()
  const { content } = await channel.get('6x7', { noAck: true })
  await connection.close()
  return String(content)
}
