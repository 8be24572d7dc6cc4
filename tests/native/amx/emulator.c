/* The matrix unit in software: an AMX instruction on a processor without it raises SIGILL, and the handler here decodes it,
   does its work and goes on behind it. Instructions and formats: Intel 64 and IA-32 Architectures Software Developer's
   Manual, volume 2, "LDTILECFG" and following. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

enum { TILES = 8, ROWS = 16, ROW_BYTES = 64 };
static _Thread_local struct {
    int configured;
    uint8_t rows[TILES];
    uint16_t row_bytes[TILES];
    uint8_t data[TILES][ROWS][ROW_BYTES];
} state;

static const int greg_of[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static void refuse(const char *why, const uint8_t *code) {
    fprintf(stderr, "emulated AMX: %s at %02x %02x %02x %02x %02x\n", why, code[0], code[1], code[2], code[3], code[4]);
    abort();
}

/* bfloat16 to float32, subnormal numbers taken as zero, as TDPBF16PS takes them. */
static float widen(uint16_t half) {
    uint32_t bits = (uint32_t)half << 16;
    if ((bits & 0x7f800000) == 0) bits &= 0x80000000;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

static void multiply(int c, int a, int b) {
    for (int m = 0; m < state.rows[c]; m++) {
        for (int n = 0; n < state.row_bytes[c] / 4; n++) {
            float sum[2] = {0, 0}, total;
            for (int k = 0; k < state.row_bytes[a] / 4; k++) {
                for (int half = 0; half < 2; half++) {
                    uint16_t x, y;
                    memcpy(&x, &state.data[a][m][4 * k + 2 * half], 2);
                    memcpy(&y, &state.data[b][k][4 * n + 2 * half], 2);
                    sum[half] += widen(x) * widen(y);
                }
            }
            memcpy(&total, &state.data[c][m][4 * n], 4);
            total += sum[0] + sum[1];
            memcpy(&state.data[c][m][4 * n], &total, 4);
        }
    }
}

/* Does the instruction of AMX that is next; 0 if it is none. */
static int step(greg_t *reg) {
    const uint8_t *code = (const uint8_t *)reg[REG_RIP], *at = code;
    if (*at++ != 0xc4) return 0; /* a three-byte VEX prefix */
    const int high_reg = !(*at & 0x80) * 8, high_index = !(*at & 0x40) * 8, high_base = !(*at & 0x20) * 8;
    if ((*at++ & 0x1f) != 2) return 0; /* the map 0F38 */
    const int prefix = *at & 3, third = (~*at >> 3) & 15;
    at++;
    const int opcode = *at++, mod = *at >> 6, field = (*at >> 3 & 7) + high_reg, rm = *at & 7;
    at++;
    if (opcode == 0x5c && prefix == 2 && mod == 3) {
        multiply(field, rm + high_base, third);
    } else if (opcode == 0x49 && prefix == 3 && mod == 3) {
        memset(state.data[field], 0, sizeof state.data[field]);
    } else if (opcode == 0x49 && prefix == 0 && mod == 3) {
        memset(&state, 0, sizeof state);
    } else if ((opcode == 0x49 && prefix == 0) || opcode == 0x4b) {
        uint64_t base = 0, stride = 0;
        int base_field = rm;
        if (rm == 4) {
            const int scale = *at >> 6, index = (*at >> 3 & 7) + high_index;
            base_field = *at++ & 7;
            if (index != 4) stride = (uint64_t)reg[greg_of[index]] << scale;
        }
        const int rip_relative = rm == 5 && mod == 0;
        if (!(base_field == 5 && mod == 0)) base = (uint64_t)reg[greg_of[base_field + high_base]];
        if (mod == 1) base += (int64_t)(int8_t)*at++;
        if (mod == 2 || (base_field == 5 && mod == 0)) {
            int32_t displacement;
            memcpy(&displacement, at, 4);
            at += 4;
            base += (int64_t)displacement;
        }
        if (rip_relative) base += (uint64_t)at;
        uint8_t *memory = (uint8_t *)base;
        if (opcode == 0x49) {
            if (memory[0] != 1) refuse("only palette 1 exists", code);
            memset(&state, 0, sizeof state);
            memcpy(state.row_bytes, memory + 16, sizeof state.row_bytes);
            memcpy(state.rows, memory + 48, sizeof state.rows);
            state.configured = 1;
        } else {
            if (!state.configured) refuse("tiles used before they are configured", code);
            for (int row = 0; row < state.rows[field]; row++) {
                uint8_t *line = memory + row * stride;
                if (prefix == 2) memcpy(line, state.data[field][row], state.row_bytes[field]);
                else memcpy(state.data[field][row], line, state.row_bytes[field]);
            }
        }
    } else {
        return 0;
    }
    reg[REG_RIP] = (greg_t)at;
    return 1;
}

/* A signal takes longer than what it is for: those that follow at once share it. */
static void handle(int signal, siginfo_t *info, void *context) {
    greg_t *reg = ((ucontext_t *)context)->uc_mcontext.gregs;
    (void)signal, (void)info;
    if (!step(reg)) refuse("not an instruction of AMX that is emulated", (const uint8_t *)reg[REG_RIP]);
    while (step(reg)) continue;
}

__attribute__((constructor)) static void install(void) {
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGILL, &action, NULL);
}
