import type { GuardOptions, Interlock } from './index.js';

export type ToolOptions = Record<string, Omit<GuardOptions, 'inputs' | 'parameters' | 'sync'>>;

/** Tools for `client.chat.completions.runTools`, each checked before it runs. */
export function guardTools<T extends readonly any[]>(interlock: Interlock, tools: T, options?: ToolOptions): any[];

export interface ToolMessage {
  role: 'tool';
  tool_call_id: string;
  content: string;
}

export interface ToolOutput {
  type: 'function_call_output';
  call_id: string;
  output: string;
}

/**
 * Runs the tool calls of one answer, of Chat Completions or of Responses, and answers what to send
 * back. Calls of other types are left out.
 */
export function runToolCalls<C extends { type: string }>(
  interlock: Interlock,
  calls: readonly C[],
  functions: Record<string, (args: any) => unknown>,
  options?: ToolOptions,
): Promise<(C extends { type: 'function_call' } ? ToolOutput : ToolMessage)[]>;
