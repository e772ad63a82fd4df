"""A simulated Proxmox VE API (fakepve) with an API token, two nodes, templates 9000 (quick) and 9001 (slow clones after
POST /ceph), a VM of somebody else's (100), and a control port on loopback without authentication.

GET  /state      the VMs (configuration, lock) and the task log     GET /requests  what came over the API
POST /fail       {method, suffix, status, message | error, times}: the next requests like it fail
POST /clearfail
POST /ceph       {secs}: a clone of 9001 takes that many simulated seconds (0: instantly)
POST /set        {vmid, name | lock | status | start_secs | stop_secs | shutdown_secs | ...}: as somebody else might
POST /add        {vmid, name, status, config}: a VM of somebody else's            POST /remove   {vmid}
POST /untag      {vmid}: its tags and its firewall rules go
"""
import argparse, asyncio, os, re
from aiohttp import web
from fakepve import FakePve
from fakepve.certs import make_cert

GIB = 1024**3


class Pve(FakePve):
    """fakepve checks a disk's resize and stores nothing; here the disk grows."""

    async def answer(self, request, match, params, user, call=None):
        data = await super().answer(request, match, params, user, call)
        vmid = re.fullmatch(r'.*/qemu/(\d+)/resize', request.path)
        if request.method == 'PUT' and vmid:
            config, disk, size = self.vm(int(vmid[1])).config, params['disk'], params['size']
            have = int(re.search(r'size=(\d+)G', config[disk])[1])
            want = have + int(size[1:-1]) if size.startswith('+') else int(size[:-1])
            config[disk] = re.sub(r'size=\d+G', f'size={want}G', config[disk])
        return data


def template(pve, vmid, name, storage, config):
    disk = f'base-{vmid}-disk-0'
    pve.storages[storage].setdefault('volumes', {})[disk] = {
        'content': 'images', 'format': 'raw', 'size': 8 * GIB, 'vmid': vmid, 'ctime': 0}
    return pve.add_vm(vmid, name, node='pve1', template=True, config={
        **config, 'scsi0': f'{storage}:{disk},size=8G', 'ide2': f'local-lvm:vm-{vmid}-cloudinit,media=cdrom'})


def worldof(pve):
    vms = [{'id': v.vmid, 'name': v.name, 'node': v.node, 'status': v.status, 'template': bool(v.template),
            'lock': v.lock, 'config': v.config} for v in pve.vms]
    return {'vms': vms, 'tasks': pve.tasklog}


async def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('--port', type=int, required=True)
    ap.add_argument('--control', type=int, required=True)
    ap.add_argument('--certs', required=True)
    ap.add_argument('--time-scale', type=float, default=0.05)
    options = ap.parse_args()

    pve = Pve(user='root@pam', password=os.environ['PVE_SECRET'], host='127.0.0.1', port=options.port)
    pve.time_scale = options.time_scale
    pve.apitokens['root@pam!bot'] = os.environ['PVE_SECRET']
    pve.add_node('pve2')
    pve.storages['local-lvm']['avail'] = 500 * GIB
    pve.add_ceph_storage('ceph-pool')
    base = {'cores': 2, 'memory': '2048', 'scsihw': 'virtio-scsi-pci', 'net0': 'virtio=BC:24:11:00:00:01,bridge=vmbr0',
            'agent': 'enabled=1', 'ostype': 'l26', 'ipconfig0': 'ip=dhcp', 'boot': 'order=scsi0', 'template': 1}
    template(pve, 9000, 'k8s-worker-template', 'local-lvm', base)
    template(pve, 9001, 'k8s-worker-template-slow', 'ceph-pool', base)
    pve.add_vm(100, 'pet-db', node='pve1', status='running', config={'cores': 4, 'memory': '8192'})
    cert, key, _ = make_cert(options.certs, hosts=('127.0.0.1', 'localhost'))
    await pve.start(cert, key)

    async def state(_):
        return web.json_response(worldof(pve))

    async def requests(_):
        return web.json_response([[method, path] for method, path, *_ in pve.requests])

    async def fail(request):
        body = await request.json()
        pve.fail(body.pop('method'), body.pop('suffix'), **body)
        return web.json_response({'ok': True})

    async def clearfail(_):
        pve.failures.clear()
        return web.json_response({'ok': True})

    async def setvm(request):
        body = await request.json()
        vm = pve.vm(int(body.pop('vmid')))
        for key, value in body.items():
            setattr(vm, key, value)
        return web.json_response({'ok': True})

    async def addvm(request):
        body = await request.json()
        pve.add_vm(int(body['vmid']), body['name'], node='pve1', status=body['status'], config=body['config'])
        return web.json_response({'ok': True})

    async def untag(request):
        vm = pve.vm(int((await request.json())['vmid']))
        vm.config.pop('tags', None)
        pve.firewall_config('vm', vmid=vm.vmid)['rules'].clear()
        return web.json_response({'ok': True})

    async def removevm(request):
        vmid = int((await request.json())['vmid'])
        pve.vms[:] = [vm for vm in pve.vms if vm.vmid != vmid]
        return web.json_response({'ok': True})

    async def ceph(request):
        pve.ceph_slow((await request.json())['secs'])
        return web.json_response({'ok': True})

    app = web.Application()
    app.add_routes([web.get('/state', state), web.get('/requests', requests), web.post('/fail', fail),
                    web.post('/clearfail', clearfail), web.post('/set', setvm), web.post('/add', addvm), web.post('/remove', removevm), web.post('/untag', untag),
                    web.post('/ceph', ceph)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, '127.0.0.1', options.control).start()
    await asyncio.Event().wait()


asyncio.run(main())
