// Perry's own module of this name compiles and does nothing. Here every function says that it is not there yet.

import { refusal } from "./refusal";

export async function up(): Promise<never> {
  throw refusal("perry/compose", "up");
}

export async function down(): Promise<never> {
  throw refusal("perry/compose", "down");
}

export async function ps(): Promise<never> {
  throw refusal("perry/compose", "ps");
}

export async function logs(): Promise<never> {
  throw refusal("perry/compose", "logs");
}

export async function exec(): Promise<never> {
  throw refusal("perry/compose", "exec");
}

export async function config(): Promise<never> {
  throw refusal("perry/compose", "config");
}

export async function start(): Promise<never> {
  throw refusal("perry/compose", "start");
}

export async function stop(): Promise<never> {
  throw refusal("perry/compose", "stop");
}

export async function restart(): Promise<never> {
  throw refusal("perry/compose", "restart");
}
