import { VnetError } from '../core/errno.ts'

/** What a request asks for makes no sense, or cannot be, and one of its attributes is to blame: the client is told which, and where. */
export class Refusal extends VnetError {
  /** Its type. */
  readonly attribute: number

  constructor(errno: number, attribute: number, text: string) {
    super(errno, 'vnet_nl', text)
    this.attribute = attribute
  }
}
