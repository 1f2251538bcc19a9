"""What the benchmarks ran on, and what else ran there meanwhile."""

import os
import platform
import subprocess


def first_line(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline().strip()
    except OSError:
        return ""


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def describe():
    os_name = "Linux"
    try:
        with open("/etc/os-release", encoding="utf-8") as file:
            for line in file:
                if line.startswith("PRETTY_NAME="):
                    os_name = line.split("=", 1)[1].strip().strip('"')
    except OSError:
        pass
    virtual = ""
    try:
        found = subprocess.run(["systemd-detect-virt"], capture_output=True, text=True, timeout=5)
        virtual = found.stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            virtual = "yes" if "hypervisor" in file.read() else ""
    return {
        "cpu": cpu_model(),
        "cpus": os.cpu_count(),
        "usable": len(os.sched_getaffinity(0)),
        "virtual": virtual,
        "governor": first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "kernel": platform.release(),
        "os": os_name,
    }


def busy_seconds():
    """CPU time that all CPUs have spent working, or were kept from it by the hypervisor."""
    with open("/proc/stat", encoding="utf-8") as file:
        user, nice, system, _idle, _iowait, irq, softirq, steal = (
            int(word) for word in file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
