/** The types of graph.mjs, the browser's end of a graph. */

/** The codes of failures, with the meaning they have in gRPC and Connect. */
export type Code =
  | 'canceled'
  | 'invalid_argument'
  | 'deadline_exceeded'
  | 'not_found'
  | 'already_exists'
  | 'permission_denied'
  | 'unauthenticated'
  | 'resource_exhausted'
  | 'failed_precondition'
  | 'aborted'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'data_loss'

/** A failure as both ends of a connection see it. A handler that throws one tells the caller; see {@link Handler}. */
export class GraphError extends Error {
  constructor(code: Code, message?: string, details?: unknown)
  readonly name: 'GraphError'
  readonly code: Code
  readonly details: unknown
}

/** What a handler finds in `this`, if it is a `function` and a connection called it. */
export interface HandlerContext {
  /** The connection that asks; the handler may call it back. */
  readonly peer: Connection
  /** Aborted when the caller gave up or is gone. */
  readonly signal: AbortSignal
}

/**
 * Does the work of a route. It gets the positional arguments of the call, and may return a promise. `undefined` is no
 * value. The caller is told the code, message and details of a GraphError that it throws; of any other error it is told
 * `internal` alone, and the error is reported like one that nobody caught.
 */
export type Handler = (this: HandlerContext | undefined, ...args: any[]) => unknown

/** What a route is: a function, or anything else that is JSON, which is state. */
export type Work = Handler | object | string | number | boolean | null

/** What is known of an update besides its value. */
export interface UpdateInfo {
  /** How many updates were left out just before this one, because this end was too slow for them. */
  readonly lost: number
  /** The place of the update in a channel with history, and otherwise empty. */
  readonly position: string
  /** Whether this is the value that the state had when the subscription began. */
  readonly snapshot: boolean
  /** Whether the connection was lost before this update; what was published meanwhile is missing and not counted. */
  readonly gap: boolean
}

export type UpdateCallback<T> = (value: T, info: UpdateInfo) => void

export interface Subscription {
  /** Ends the subscription. There is no update after it. */
  stop(): void
  /**
   * Resolves when the subscription has ended: with `undefined` after `stop`, and otherwise with the error by which
   * the other end ended it. It never rejects. A lost connection does not end a subscription.
   */
  readonly ended: Promise<GraphError | undefined>
}

/**
 * What the other end may run and watch: functions, and other values, which are state. Only routes that were added are
 * reachable, never what objects inherit.
 */
export class Graph {
  constructor(routes?: Record<string, Work>)
  /** Adds a route. Throws `already_exists`. */
  add(route: string, work: Work): this
  /** Removes a route and ends the subscriptions to it. Throws `not_found`. */
  remove(route: string): void
  /** Stores a value in a state and tells those who watch it. The other end cannot do that. */
  set(route: string, value: Work): void
  /** Runs a route here, or reads a state. */
  run<T = unknown>(route: string, ...args: unknown[]): Promise<T>
  /** Calls back with each result of a function, or with the value of a state and each new one. */
  subscribe<T = unknown>(
    route: string,
    callback: UpdateCallback<T>,
    options?: { snapshot?: boolean; key?: string },
  ): Promise<Subscription>
}

export interface ConnectOptions {
  /** What the server may call. Default: nothing. */
  graph?: Graph
  /** How long a call waits for its reply, in milliseconds. Default 10 000. */
  timeout?: number
  /** Ends the connection when it is aborted, also while it is being made. */
  signal?: AbortSignal
}

export interface SSEOptions extends ConnectOptions {
  /** Sent with each request, such as a bearer token. A function is asked anew each time. */
  headers?: HeadersInit | (() => HeadersInit | Promise<HeadersInit>)
  /** As of fetch. Default `same-origin`. */
  credentials?: RequestCredentials
}

export interface CallOptions {
  /** Gives the call up: it fails with `canceled`, and the other end is told. */
  signal?: AbortSignal
  /** In milliseconds; then the call fails with `deadline_exceeded`. `Infinity` is no limit. */
  timeout?: number
}

/** What happens to the updates that a slow page cannot take. What is left out is counted in {@link UpdateInfo.lost}. */
export interface Lag {
  /** `conflate` keeps the newest value alone. Default: `dropOldest`. */
  policy?: 'conflate' | 'dropOldest' | 'dropNewest' | 'disconnect' | 'block'
  /** How many updates wait. Default 256. */
  size?: number
  /** How long `block` holds up the publisher, in milliseconds. */
  wait?: number
}

export interface SubscribeOptions {
  /** Whether the present value of a state comes first. Default true. */
  snapshot?: boolean
  /** A method or state key of the node, to watch in place of its results. */
  key?: string
  /** Watches the arguments of each run, as a list, in place of its results. */
  input?: boolean
  lag?: Lag
  /** Stops the subscription when it is aborted. */
  signal?: AbortSignal
}

/** A message as it is on the wire: an array in `args` is positional arguments, anything else the one argument. */
export interface Message {
  route: string
  args?: unknown
  method?: string
}

/**
 * `connecting` until the first session is open, `reconnecting` when one was lost, `closed` for good: after `terminate`,
 * or when the server ended the connection or refused it (HTTP 204, 401, 403, 404).
 */
export type State = 'connecting' | 'open' | 'reconnecting' | 'closed'

export interface ConnectionEventMap {
  /** The state changed, or another attempt to connect failed. */
  state: CustomEvent<{ state: State; error: GraphError | undefined }>
  /** The connection is closed for good; without an error it was terminated here. */
  close: CustomEvent<{ error: GraphError | undefined }>
  /** What the other end sent outside of the conversation, as text. `event` is its type on an event stream. */
  message: CustomEvent<{ data: string; event: string }>
}

/**
 * The graph at the other end. A connection that is lost comes back by itself, as a new session: calls that were pending
 * have failed with `unavailable` (and may have run), subscriptions are made again. It comes back after a random
 * time that grows up to 30 s, or at once when the browser is online again.
 */
export class Connection extends EventTarget {
  private constructor()
  readonly state: State
  /** The id of the present session, empty without one. */
  readonly id: string
  /** Resolves when the connection is open for the first time, and rejects if it is closed before. */
  readonly ready: Promise<Connection>

  /**
   * Runs a route of the other end with positional arguments. An object as the only argument names the fields of the
   * input. Rejects with a {@link GraphError}.
   */
  run<T = unknown>(route: string, ...args: unknown[]): Promise<T>
  /** Is `run` for a whole message, and with options. */
  request<T = unknown>(message: Message, options?: CallOptions): Promise<T>
  /** Runs a route and waits for nothing. Throws if the message cannot be handed over. */
  post(route: string, ...args: unknown[]): void
  /** Sends text as it is, and anything else as JSON, outside of the conversation. */
  send(value: unknown): void
  /**
   * Calls back with each result of a function, or with the value of a state and each new one, in order. Resolves when the
   * other end has agreed, which waits for the connection to be open.
   */
  subscribe<T = unknown>(
    route: string,
    callback: UpdateCallback<T>,
    options?: SubscribeOptions,
  ): Promise<Subscription>
  /** Closes the connection for good, without waiting for what is queued. */
  terminate(): void

  addEventListener<K extends keyof ConnectionEventMap>(
    type: K,
    listener: (event: ConnectionEventMap[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void
  removeEventListener<K extends keyof ConnectionEventMap>(
    type: K,
    listener: (event: ConnectionEventMap[K]) => void,
    options?: boolean | EventListenerOptions,
  ): void
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void
}

/** Connects over server-sent events. The URL may be relative to the page. Waits until the connection is open. */
export function connectSSE(url: string | URL, options?: SSEOptions): Promise<Connection>
/** Connects over a WebSocket. The URL may be relative to the page. Waits until the connection is open. */
export function connectWS(url: string | URL, options?: ConnectOptions): Promise<Connection>
/** Is connectSSE without the wait: the connection is in the state `connecting`. */
export function openSSE(url: string | URL, options?: SSEOptions): Connection
/** Is connectWS without the wait: the connection is in the state `connecting`. */
export function openWS(url: string | URL, options?: ConnectOptions): Connection

/** Reads text/event-stream from text that is cut anywhere. */
export class EventStream {
  constructor(
    onEvent: (event: { type: string; data: string; id: string }) => void,
    onRetry?: (milliseconds: number) => void,
  )
  push(text: string): void
}
