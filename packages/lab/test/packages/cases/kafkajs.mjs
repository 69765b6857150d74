import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { kafkaServer } from '../servers/kafka.mjs'

export const serve = kafkaServer
export const answer = '42'
export const ask = async () => {
  const kafka = new Kafka({ brokers: ['server:9092'], logLevel: logLevel.NOTHING })
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  const [{ offset }] = await producer.send({ topic: '6x7', messages: [{ value: 'message' }] })
  await producer.disconnect()
  return offset
}
