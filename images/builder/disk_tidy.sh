#!/bin/sh
# Runs inside of the tree, after the roles: takes away what belongs to one machine or one build, moves to the root
# partition what roles write, and makes the initial RAM disk.
# TREE_WRITABLE, TREE_UNITS: words. SOURCE_DATE_EPOCH: no file is younger.
set -eu

apt-get clean
rm -rf /var/lib/apt/lists /var/lib/apt/periodic/* /var/cache/apt /var/cache/ldconfig /var/cache/man /root/.ansible /boot/initrd.img-*
mkdir -p /var/lib/apt/lists/partial /var/cache/apt/archives/partial
find /tmp /var/tmp /run -mindepth 1 -delete 2>/dev/null || true
find /var/log -type f -size +0 -delete
rm -f /var/cache/debconf/*-old
rm -f /etc/passwd- /etc/shadow- /etc/group- /etc/gshadow- /etc/subuid- /etc/subgid- /etc/.pwd.lock
rm -f /var/lib/dpkg/*-old /usr/sbin/policy-rc.d /etc/apt/sources.list

# Nothing of a machine or a fleet.
rm -f /etc/nvme/hostid /etc/nvme/hostnqn    # nvme-cli makes them for the machine that it is installed on
rm -f /etc/ssh/ssh_host_* /etc/hostname /var/lib/dbus/machine-id /var/lib/systemd/random-seed
: > /etc/machine-id
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' > /etc/hosts
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf

echo 'PARTLABEL=root / ext4 defaults,x-systemd.growfs 0 1' > /etc/fstab
for folder in $TREE_WRITABLE; do
    mkdir -p "/var$(dirname "$folder")"
    mv "$folder" "/var$folder"
    mkdir "$folder"
    echo "/var$folder $folder none bind 0 0" >> /etc/fstab
done
systemctl --quiet enable $TREE_UNITS

kernel=$(ls /usr/lib/modules)
dracut --quiet --force --kver "$kernel" /boot/initrd
cp "/boot/vmlinuz-$kernel" /boot/vmlinuz

# What packages made needs no second making at the first boot (ConditionNeedsUpdate=).
touch /etc/.updated /var/.updated
find / -xdev -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
