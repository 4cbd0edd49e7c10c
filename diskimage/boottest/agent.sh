# Runs what comes from the host: lines "ID SCRIPT", the script in base64, one at a time; "kill" ends the one that runs.
dir=/run/bootloom-boottest
mkdir -p "$dir"
until [ -c "$port" ]; do sleep 0.2; done
exec 3<>"$port" || exit 1
echo ready >&3
while read -r id script <&3; do
	if [ "$id" = kill ]; then
		kill -s KILL -- "-$(cat "$dir/pid")" 2>/dev/null
		continue
	fi
	(
		echo "$script" | base64 -d >"$dir/script"
		setsid sh "$dir/script" >"$dir/out" 2>"$dir/err" </dev/null 3>&- &
		echo $! >"$dir/pid"
		wait $!
		{
			echo "begin $id $?"
			base64 "$dir/out"
			echo and
			base64 "$dir/err"
			echo "end $id"
		} >&3
	) &
done
