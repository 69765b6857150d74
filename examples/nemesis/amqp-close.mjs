// RabbitMQ and amqplib, whose client waits for close() alone: a defect of amqplib 2.3.1.
import amqp from './amqp.mjs'

export { options } from './amqp.mjs'

export default run => amqp(run, 'close')
